#!/bin/sh
# Makes .venv from uv.lock with the newest Python 3.11 to 3.14 that works here; does nothing when it is made already.
# PYTHON=/path/to/python chooses another. What it has to fetch first (uv, Debian's python3-venv) it fetches by itself.
set -eu
cd "$(dirname "$0")/.."

UV_VERSION=0.13.9
BOOTSTRAP=.run/bootstrap
LOG=.run/logs/bootstrap.log
STAMP=.venv/made-from

fail() {
    echo "eatit: $1" >&2
    exit 1
}

works() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))' >/dev/null 2>&1
}

whole() {
    "$1" -c 'import venv, ensurepip' >/dev/null 2>&1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1 && sudo -n true >/dev/null 2>&1; then
        sudo -n "$@"
    else
        return 1
    fi
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        works "$PYTHON" || fail "PYTHON=$PYTHON is not a Python 3.11 to 3.14 that runs: give the path of one."
        command -v "$PYTHON"
        return
    fi
    for candidate in python3.14 python3.13 python3.12 python3.11 python3 python; do
        if works "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    fail "EatIt needs Python 3.11 to 3.14 and found none on PATH: install python3, or give PYTHON=/path/to/python."
}

fetch_venv() {
    version=$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    as_root true 2>/dev/null && command -v apt-get >/dev/null 2>&1 ||
        fail "$1 has no venv module: install the package python$version-venv (sudo apt-get install python$version-venv)."
    echo "installing python$version-venv with apt-get"
    { as_root apt-get -o DPkg::Lock::Timeout=180 update &&
        as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=180 install -y \
            --no-install-recommends "python$version-venv"; } >>"$LOG" 2>&1 ||
        fail "python$version-venv could not be installed: see $LOG."
    whole "$1" || fail "$1 has no venv module even with python$version-venv installed: give PYTHON= another one."
}

fetch_uv() {
    whole "$1" || fetch_venv "$1"
    echo "installing uv $UV_VERSION"
    # bin/ holds uv alone and is what the Makefile puts on PATH: the environment's python must not be found there.
    { rm -rf "$BOOTSTRAP" && "$1" -m venv "$BOOTSTRAP/venv" &&
        "$BOOTSTRAP/venv/bin/python" -m pip install --quiet --disable-pip-version-check "uv==$UV_VERSION" &&
        mkdir "$BOOTSTRAP/bin" && ln -s ../venv/bin/uv "$BOOTSTRAP/bin/uv"; } >>"$LOG" 2>&1 ||
        fail "uv could not be installed with pip: see $LOG."
}

sync() {
    # VIRTUAL_ENV of some other environment must not count, nor may uv fetch a Python of its own.
    env -u VIRTUAL_ENV UV_PYTHON_DOWNLOADS=never "$1" sync --frozen --python "$2" >>"$LOG" 2>&1
}

# Without PYTHON= the .venv that is there will do: it must not change under a stack that runs from it.
same_python() {
    [ -z "${PYTHON:-}" ] || [ "$("$PYTHON" -c "$1" 2>/dev/null)" = "$(.venv/bin/python -c "$1")" ]
}
wanted="$(cksum <uv.lock) $(cksum <pyproject.toml)"
if [ -x .venv/bin/python ] && [ "$(cat "$STAMP" 2>/dev/null)" = "$wanted" ] && works .venv/bin/python &&
    same_python 'import sys; print(sys.version)'; then
    exit 0
fi

mkdir -p .run/logs 2>/dev/null && [ -w .run/logs ] && [ -w . ] ||
    fail "$(pwd) can't be written to: use a checkout of your own."
python=$(find_python)
echo "making .venv with $("$python" --version) ($python)"
# One that is here already may be too old to read the lock; then a pinned one is fetched.
if ! { command -v uv >/dev/null 2>&1 && uv --version >/dev/null 2>&1 && sync uv "$python"; }; then
    case $("$BOOTSTRAP/bin/uv" --version 2>/dev/null) in
    "uv $UV_VERSION"*) ;;
    *) fetch_uv "$python" ;;
    esac
    sync "$BOOTSTRAP/bin/uv" "$python" || fail "The packages of uv.lock could not be installed into .venv: see $LOG."
fi
printf '%s' "$wanted" >"$STAMP"
