#!/bin/sh
# Opens the enrolled root once a network is up, before dracut asks for its passphrase: that question waits behind this one, and is not put
# when the root is open. Where no network comes up, or the key service does not answer, it is put as ever.
type getargbool >/dev/null 2>&1 || . /lib/dracut-lib.sh

kluis_open() {
    config=/etc/kluis/volumes.toml
    [ -r "$config" ] && ! getargbool 0 rd.kluis.off || return 0
    device=$(sed -n 's/^device = "\(.*\)"$/\1/p' "$config")
    name=$(sed -n 's/^name = "\(.*\)"$/\1/p' "$config")
    [ ! -e "/dev/mapper/$name" ] || return 0
    # Once, for the first network that is up: it tries by itself until [agent] deadline.
    [ ! -e /run/kluis-open-root ] || return 0
    : >/run/kluis-open-root
    udevadm settle --timeout=30 --exit-if-exists="$device"
    if [ -r /etc/kluis/environment ]; then
        set -a
        . /etc/kluis/environment
        set +a
    fi
    /usr/bin/kluis --quiet --config "$config" open-root || warn "kluis: the root is opened by its passphrase"
}
kluis_open
