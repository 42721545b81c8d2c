#!/usr/bin/env bash
# Builds a PgBouncer that knows prepared statements in transaction mode (1.21 or newer), for `make rehearse PGBOUNCER=…`:
# Debian 12 has 1.18, which does not know them. The source is the one that Debian 13 is built from; the machine's own
# lists of packages stay as they are. As root on Debian 12, where what the build needs is installed when it is missing.
#
#     tools/newer_pgbouncer.sh .bench/pgbouncer      # prints the path of the binary, builds only once
set -euo pipefail

folder=${1:?usage: tools/newer_pgbouncer.sh FOLDER}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
binary=$folder/bin/pgbouncer
if [ -x "$binary" ]; then
    echo "$binary"
    exit
fi

# The mirror that this machine takes Debian from.
mirror=$(sed -nE 's/^URIs:[[:space:]]*([^[:space:]]*\/debian)\/?([[:space:]].*)?$/\1/p' /etc/apt/sources.list.d/*.sources 2>/dev/null | head -n 1)
if [ -z "$mirror" ]; then
    mirror=$(sed -nE 's/^deb ([^]]*\] )?([^ ]*\/debian)\/? .*/\2/p' /etc/apt/sources.list 2>/dev/null | head -n 1)
fi
if [ -z "$mirror" ]; then
    echo "newer_pgbouncer: no Debian mirror is configured in /etc/apt" >&2
    exit 2
fi

{
    needed=(gcc make libc6-dev dpkg-dev libevent-dev libssl-dev pkg-config)
    if ! dpkg-query -W -f '${db:Status-Status}\n' "${needed[@]}" 2>/dev/null | grep -c '^installed$' | grep -qx "${#needed[@]}"; then
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends "${needed[@]}"
    fi

    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    mkdir -p "$work/lists/partial" "$work/source"
    cat >"$work/debian.sources" <<SOURCES
Types: deb-src
URIs: $mirror
Suites: trixie
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
SOURCES
    private=(-o "Dir::Etc::SourceList=/dev/null" -o "Dir::Etc::SourceParts=$work/parts" -o "Dir::State::Lists=$work/lists"
        -o "Dir::Cache::SrcPkgCache=" -o "Dir::Cache::PkgCache=" -o "APT::Sandbox::User=root")
    mkdir "$work/parts" && mv "$work/debian.sources" "$work/parts/"
    apt-get "${private[@]}" update -qq
    (cd "$work/source" && apt-get "${private[@]}" source -qq pgbouncer)

    cd "$work/source"/pgbouncer-*/
    ./configure --prefix="$folder" --without-cares --without-systemd --without-pam --quiet
    make -j2 pgbouncer
    mkdir -p "$folder/bin"
    install -m 755 pgbouncer "$binary"
} >&2

"$binary" --version >&2
echo "$binary"
