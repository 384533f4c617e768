#!/usr/bin/env bash
# Becomes systemd over a throw-away copy of this machine's root. Started by boot.sh, in namespaces.
set -euo pipefail

work=$1
root=$work/layers/merged

mount -t tmpfs tmpfs "$work/layers"
mkdir "$work/layers/upper" "$work/layers/work" "$root"
mount -t overlay overlay "$root" \
  -o "lowerdir=/,upperdir=$work/layers/upper,workdir=$work/layers/work"

mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys" -o ro
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs tmpfs "$root/run" -o mode=755
mount -t tmpfs tmpfs "$root/tmp" -o mode=1777
mount -t tmpfs tmpfs "$root/dev" -o mode=755
for device in null zero full random urandom tty; do
  touch "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts devpts "$root/dev/pts" -o newinstance,ptmxmode=0666
mount -t tmpfs tmpfs "$root/dev/shm" -o mode=1777
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
for stream in 0:stdin 1:stdout 2:stderr; do
  ln -s "/proc/self/fd/${stream%:*}" "$root/dev/${stream#*:}"
done

# A machine fresh from the installer: nothing of the auditor's, nothing that is enabled here.
: > "$root/etc/machine-id"
: > "$root/etc/fstab"
echo auditor-boot > "$root/etc/hostname"
printf '127.0.0.1 localhost\n::1 localhost\n' > "$root/etc/hosts"
rm -rf "$root"/etc/systemd/system/* "$root"/opt/auditor "$root"/etc/auditor \
  "$root"/var/lib/auditor "$root"/etc/credstore "$root"/var/log/journal
mkdir -p "$root/etc/systemd/system"
# What would reach through to the kernel or waits for hardware.
for unit in systemd-sysctl systemd-modules-load systemd-binfmt systemd-udevd systemd-udev-trigger \
  systemd-random-seed systemd-timesyncd systemd-logind systemd-pstore systemd-hwdb-update \
  systemd-repart systemd-firstboot systemd-remount-fs systemd-networkd systemd-resolved \
  systemd-update-utmp systemd-update-utmp-runlevel systemd-machine-id-commit kmod-static-nodes \
  e2scrub_reap apparmor; do
  ln -s /dev/null "$root/etc/systemd/system/$unit.service"
done
for unit in proc-sys-fs-binfmt_misc.automount dev-hugepages.mount dev-mqueue.mount getty.target \
  sys-fs-fuse-connections.mount sys-kernel-config.mount sys-kernel-debug.mount \
  sys-kernel-tracing.mount systemd-udevd-control.socket systemd-udevd-kernel.socket \
  systemd-journald-audit.socket systemd-initctl.socket; do
  ln -s /dev/null "$root/etc/systemd/system/$unit"
done

# There is no network. apt knows of no newer package than what is here; pip finds all in one folder,
# whatever it is told on this machine.
rm -rf "$root"/var/lib/apt/lists/*
rm -rf "$root${HOME:?}/.pip" "$root${HOME:?}/.config/pip" "$root/etc/xdg/pip"
mkdir -p "$root/usr/src"
cp -a "$work/checkout" "$root/usr/src/auditor"
cp -a "$work/wheels" "$root/usr/src/wheels"
chown -R 0:0 "$root/usr/src/auditor" "$root/usr/src/wheels"
printf '[global]\nno-index = true\nfind-links = /usr/src/wheels\n' > "$root/etc/pip.conf"

cd "$root"
mkdir -p oldroot
pivot_root . oldroot
cd /
umount -l /oldroot
ip link set lo up
hostname auditor-boot 2>/dev/null || true
# Without it every unit's folder of credentials is empty: systemd shares / itself only outside of
# containers.
mount --make-rshared /
exec env -i container=lxc PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
  /lib/systemd/systemd --system --log-target=journal-or-kmsg
