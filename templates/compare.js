"use strict";
// Compares two versions by the table of values in this page: a value has the same number in two
// versions where nothing differs. Every text is set as text, never as markup.
(() => {
  const part = document.getElementById("compare");
  const { rows, orders, script } = JSON.parse(document.getElementById("versions").textContent);
  const [older, newer] = part.querySelectorAll("select");
  const said = part.querySelector("output");
  const found = part.querySelector("tbody");
  const lines = part.querySelector("pre");
  const command = part.querySelector(".code");
  const UNSET = -1;

  const make = (tag, text) => {
    const element = document.createElement(tag);
    if (text !== undefined) element.append(text);
    return element;
  };
  const isolated = (tag, text) => {
    const element = make(tag);
    element.append(make("bdi", text));
    return element;
  };

  function add(label, path, before, after) {
    const row = make("tr");
    const head = isolated("th", label);
    head.scope = "row";
    if (path) {
      const code = make("div", path);
      code.className = "code path";
      head.append(code);
    }
    row.append(head, isolated("td", before), isolated("td", after));
    found.append(row);
  }

  function placeOf(layer, a, b) {
    const now = orders[b].indexOf(layer);
    return (now < 0 ? orders[a].indexOf(layer) : now) + 1;
  }

  function addValues(a, b) {
    const whole = new Set();
    rows.forEach(([path, label, whose, within, layer, isWhole, texts, at], number) => {
      const isPart = whole.has(within);
      const comesOrGoes = at[a] !== at[b] && (at[a] === UNSET || at[b] === UNSET);
      if (isPart || comesOrGoes) whole.add(number); // its parts say no more
      if (isPart || at[a] === at[b] || (isWhole && !comesOrGoes)) return;
      const text = (n) => (at[n] === UNSET ? "not set" : texts[at[n]]);
      const of = layer === UNSET ? "" : `Layer ${placeOf(layer, a, b)}`;
      const named = [of, label].filter(Boolean).join(": ") + (whose ? ` (${whose})` : "");
      add(named, layer === UNSET ? path : "", text(a), text(b));
    });
  }

  function addOrder(a, b) {
    if (!orders.length) return;
    const [old, now] = [orders[a], orders[b]];
    const stayed = [old.filter((key) => now.includes(key)), now.filter((key) => old.includes(key))];
    if (String(stayed[0]) === String(stayed[1])) return;
    const places = (keys) => keys.map((key) => now.indexOf(key) + 1).join(", ");
    add("Order of the layers, by their place in the newer version", "visualLayers", places(stayed[0]), places(stayed[1]));
  }

  // The longest common subsequence, as lengths of what follows each pair of places.
  function common(old, now) {
    const table = Array.from({ length: old.length + 1 }, () => new Uint16Array(now.length + 1));
    for (let i = old.length - 1; i >= 0; i--)
      for (let j = now.length - 1; j >= 0; j--)
        table[i][j] = old[i] === now[j] ? table[i + 1][j + 1] + 1 : Math.max(table[i + 1][j], table[i][j + 1]);
    return table;
  }

  function scriptChanges(old, now) {
    const [i, j] = [old.length, now.length];
    if (i * j > 4e6) return null;
    const table = common(old, now);
    const changes = [];
    for (let m = 0, n = 0; m < i || n < j; ) {
      if (m < i && n < j && old[m] === now[n]) changes.push([" ", old[(n++, m++)]]);
      else if (m < i && (n >= j || table[m + 1][n] >= table[m][n + 1])) changes.push(["-", old[m++]]);
      else changes.push(["+", now[n++]]);
    }
    return changes;
  }

  function showScript(a, b) {
    lines.replaceChildren();
    lines.hidden = !script.at.length || script.at[a] === script.at[b];
    if (lines.hidden) return false;
    const changes = scriptChanges(script.texts[script.at[a]], script.texts[script.at[b]]);
    if (!changes) {
      lines.append("The script differs; it is too long to compare here.");
      return true;
    }
    const isNear = (n) => changes.slice(Math.max(n - 2, 0), n + 3).some(([sign]) => sign !== " ");
    let isCut = false;
    changes.forEach(([sign, line], n) => {
      if (isNear(n)) {
        const shown = make("span", `${sign === "-" ? "\u2212" : sign} ${script.lines[line]}\n`);
        shown.className = { "-": "del", "+": "add", " ": "same" }[sign];
        lines.append(shown);
      } else if (!isCut) lines.append("  \u2026\n");
      isCut = !isNear(n);
    });
    return true;
  }

  function show() {
    const [a, b] = [Number(older.value), Number(newer.value)];
    found.replaceChildren();
    addValues(a, b);
    addOrder(a, b);
    const hasScript = showScript(a, b);
    const count = found.childElementCount;
    const values = count === 1 ? "1 value differs" : `${count} values differ`;
    found.closest(".wide").hidden = !count;
    if (a === b) said.textContent = "This is one version: choose two.";
    else if (!count && !hasScript) said.textContent = "Nothing differs between these two versions.";
    else said.textContent = hasScript ? `${count ? `${values}, and the` : "The"} script differs.` : `${values}.`;
    const run = (list) => list.selectedOptions[0].dataset.run;
    command.textContent = `auditor diff ${part.dataset.target}@run:${run(older)} ${part.dataset.target}@run:${run(newer)}`;
  }

  part.hidden = false;
  part.addEventListener("change", show);
  addEventListener("pageshow", show); // a browser may restore what was chosen
  show();
})();
