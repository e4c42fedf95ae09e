#!/bin/sh
# Asks dracut for a network.
if [ -r /etc/kluis/volumes.toml ] && ! getargbool 0 rd.kluis.off; then
    [ -n "$(getarg ip=)" ] || echo "ip=dhcp" >/etc/cmdline.d/95kluis.conf
    echo "rd.neednet=1" >>/etc/cmdline.d/95kluis.conf
fi
