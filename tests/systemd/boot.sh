#!/usr/bin/env bash
# Boots a throw-away machine on this one, installs the auditor in it by docs/install.md, and looks.
#
# The machine is systemd as PID 1 in namespaces of its own, without a network, over this machine's
# own root: an overlay whose upper layer is memory, so that nothing stays. Needs root, systemd 252 or
# newer and the environment of `make test`. Run it by `make boot`; it takes about eight minutes.
#
#   tests/systemd/boot.sh postgresql     only the steps with this word in their names, and what
#                                        they stand on
#   BOOT_SHELL=1 tests/systemd/boot.sh   a shell in the machine after the last step
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
checkout=$(cd "$here/../.." && pwd)
python=${PYTHON:-$checkout/.venv/bin/python}
inside=(env -i "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" LANG=C.UTF-8)
booter=
machine=

fail() { echo "boot: $*" >&2; exit 2; }

require() {
  [ "$(id -u)" = 0 ] || fail "root is needed, to make namespaces and mounts"
  [ -x /lib/systemd/systemd ] || fail "systemd is not on this machine"
  for tool in unshare nsenter findmnt ip git; do
    command -v "$tool" >/dev/null || fail "$tool is not on this machine"
  done
  [ -x "$python" ] || fail "there is no $python: run 'make test' once"
}

prepare() {
  mkdir -p "$work/layers" "$work/checkout" "$work/wheels"
  git -C "$checkout" ls-files -z --cached --others --exclude-standard \
    | (cd "$checkout" && xargs -0 ls -d 2>/dev/null) \
    | tar -C "$checkout" -cf - -T - | tar -C "$work/checkout" -xf -
  "$python" -I "$here/wheelhouse.py" "$checkout" "$work/wheels" "$work/checkout/requirements.txt"
}

# A cgroup of the machine's own keeps its systemd away from this machine's.
make_cgroup() {
  local mounted
  mounted=$(findmnt --noheadings --first-only --types cgroup2 --output TARGET) \
    || fail "no cgroup2 is mounted"
  cgroup=$mounted/$(basename "$work")
  mkdir "$cgroup"
}

boot() {
  # The subshell enters the cgroup before it becomes the machine, which sees it as the root of all.
  (
    echo "$BASHPID" > "$cgroup/cgroup.procs"
    exec unshare --mount --pid --fork --uts --ipc --cgroup --net --kill-child \
      --propagation private "$here/machine.sh" "$work"
  ) > "$work/console" 2>&1 &
  booter=$!
  for _ in $(seq 300); do
    machine=$(pgrep -P "$booter" || true)
    if [ -n "$machine" ] && enter systemctl is-system-running > "$work/state" 2>/dev/null; then
      return
    fi
    [ "$(cat "$work/state" 2>/dev/null)" != degraded ] || return 0
    kill -0 "$booter" 2>/dev/null || break
    sleep 0.1
  done
  tail -n 40 "$work/console" >&2
  fail "systemd did not come up ($(cat "$work/state" 2>/dev/null || true))"
}

enter() {
  nsenter --target "$machine" --mount --pid --uts --ipc --net --cgroup --root --wd "${inside[@]}" "$@"
}

clean() {
  local code=$?
  if [ -n "$booter" ] && kill -0 "$booter" 2>/dev/null; then
    [ -z "$machine" ] || kill -s RTMIN+4 "$machine" 2>/dev/null || true  # systemd's own: power off
    for _ in $(seq 100); do kill -0 "$booter" 2>/dev/null || break; sleep 0.1; done
    kill -KILL "$booter" 2>/dev/null || true  # --kill-child takes the machine with it
    wait "$booter" 2>/dev/null || true
  fi
  [ -z "${cgroup:-}" ] || find "$cgroup" -depth -type d -exec rmdir {} + || true
  rm -rf --one-file-system "$work"
  exit "$code"
}

require
work=$(mktemp -d "${TMPDIR:-/tmp}/auditor-boot.XXXXXX")
trap clean EXIT
trap 'exit 130' INT TERM
echo "boot    preparing the wheels"
prepare
make_cgroup
boot
echo "boot    $(enter systemctl --version | head -n 1): $(cat "$work/state")"
code=0
enter env --chdir /usr/src/auditor /usr/bin/python3 -u -m tests.systemd.steps "$@" || code=$?
if [ -n "${BOOT_SHELL:-}" ]; then enter bash || true; fi
exit "$code"
