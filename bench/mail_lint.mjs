// Prints what caniemail's data says of each mail given, less what the allow list has a reason for.
// Exits 1 where something is left. Run by `make mail-lint`; ALLOWED and the mails are arguments.
import { caniemail } from 'caniemail'
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'

const [allowList, ...mails] = process.argv.slice(2)
const allowed = JSON.parse(readFileSync(allowList, 'utf8'))
const left = new Map()

for (const mail of mails) {
  const found = caniemail({
    clients: ['gmail.*', 'outlook.*', 'apple-mail.*'],
    html: readFileSync(mail, 'utf8'),
  })
  for (const kind of ['errors', 'warnings']) {
    for (const [client, issues] of found.issues[kind]) {
      for (const { title } of issues) {
        if (title in allowed) continue
        const line = `${kind.slice(0, -1)}: ${title} (${client}), ${basename(mail)}`
        left.set(line, (left.get(line) ?? 0) + 1)
      }
    }
  }
}
for (const [line, count] of left) console.log(`${line}, ${count} times`)
console.log(`${mails.length} mails, ${left.size} kinds of issue without a reason`)
process.exit(left.size ? 1 : 0)
