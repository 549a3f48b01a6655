# Functions that install Debian packages, to be sourced; NAME is who speaks, LOG a file to append to.
# shellcheck shell=sh
missing=

say() { echo "$NAME: $*"; }

stop() {
    say "$*" >&2
    exit 1
}

run() {
    echo "+ $*" >>"$LOG"
    "$@" >>"$LOG" 2>&1 && return
    say "this failed: $*" >&2
    say "the end of $LOG:" >&2
    tail -n 30 "$LOG" >&2
    exit 1
}

# need PACKAGE WHY COMMAND...: note the package, unless the command shows that it is there.
need() {
    package=$1 why=$2
    shift 2
    "$@" >/dev/null 2>&1 && return
    say "needs $package: $why"
    missing="$missing $package"
}

# shellcheck disable=SC1091  # not there on other systems
debian_release() { ! test -r /etc/os-release || (. /etc/os-release && echo "$ID ${VERSION_ID:-99}"); }

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

may_be_root() {
    [ "$(id -u)" = 0 ] || { command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; }
}

install_packages() {
    say "installing $*"
    as_root apt-get -qq update >>"$LOG" 2>&1 || say "package lists are stale: apt-get update failed"
    run as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends "$@"
}
