#!/bin/bash
# Puts into an initramfs of dracut what opens an enrolled root. Nothing where no root is configured.
# shellcheck disable=SC2154 # dracut sets initdir and moddir

check() {
    grep -qs '^[[:space:]]*\[root\]' "${dracutsysrootdir-}/etc/kluis/volumes.toml" || return 1
    require_binaries kluis || return 1
}

depends() {
    echo crypt network
}

installkernel() {
    hostonly='' instmods dm-crypt aes xts ecb cbc
}

install() {
    local program
    if ! program=$(kluis root-config "$initdir"); then
        dwarn "kluis: this initramfs opens the root by its passphrase alone"
        return 0
    fi
    inst_multiple kluis dmsetup sed
    [ -z "$program" ] || inst_multiple "$program"
    inst_multiple -o /etc/kluis/environment /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/nsswitch.conf /etc/hosts
    inst_libdir_file 'libnss_files.so.2' 'libnss_dns.so.2'
    # The network is brought up for it, by dhcp unless ip= on the kernel's command line says otherwise.
    inst_hook cmdline 95 "$moddir/kluis-network.sh"
    inst_hook initqueue/online 50 "$moddir/kluis-open.sh"
    dracut_need_initqueue
}
