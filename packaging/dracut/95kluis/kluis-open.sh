#!/bin/sh
# Opens the enrolled root once its device is there and a network is up. Beside the prompt for its passphrase, which goes away when the
# root is open, and which is all there is where the key service does not answer.
type getargbool >/dev/null 2>&1 || . /lib/dracut-lib.sh

kluis_open() {
    config=/etc/kluis/volumes.toml
    [ -r "$config" ] && ! getargbool 0 rd.kluis.off || return 0
    device=$(sed -n 's/^device = "\(.*\)"$/\1/p' "$config")
    name=$(sed -n 's/^name = "\(.*\)"$/\1/p' "$config")
    [ -b "$device" ] && [ ! -e "/dev/mapper/$name" ] || return 0
    # Once: it tries by itself until [agent] deadline.
    [ ! -e /run/kluis-open-root ] || return 0
    : >/run/kluis-open-root
    (
        if [ -r /etc/kluis/environment ]; then
            set -a
            . /etc/kluis/environment
            set +a
        fi
        /usr/bin/kluis --quiet --config "$config" open-root || warn "kluis: the root is opened by its passphrase"
    ) &
}
kluis_open
