#!/bin/bash
# Makes a stand-in for AWS's Lambda image, from Debian and PyPI alone, where the real one can't be pulled.
#
#   make-image.sh PYTHON NAME LABEL UV
#
# PYTHON is 3.11 (made of Debian bookworm) or 3.13 (trixie), NAME the image's, LABEL its one key=value, UV the program.
#
# Needs root, Debian's mmdebstrap and a Docker engine (DOCKER_HOST is heeded). Some 100 MB; some 5 s beside the downloads.
# The image holds what SAM CLI asks of a Lambda image and no more: /var/runtime/bootstrap, AWS's runtime client,
# boto3, an interpreter, and the folders that code and layers are laid in.
set -euo pipefail

python=$1 name=$2 label=$3 uv=$4
here=$(cd "$(dirname "$0")" && pwd)
case $python in
    3.11) suite=bookworm ;;
    3.13) suite=trixie ;;
    *) echo "make-image.sh: no Debian release has Python $python: 3.11 or 3.13" >&2; exit 2 ;;
esac

# Debian comes from wherever this machine's own apt gets it.
archive=$(apt-get indextargets --format '$(LABEL) $(CREATED_BY) $(SITE)' | awk '$1 == "Debian" && $2 == "Packages" { print $3; exit }')
[ -n "$archive" ] || { echo "make-image.sh: apt on this machine knows no Debian archive" >&2; exit 3; }
keyrings=()
for keyring in /usr/share/keyrings/debian-archive-keyring.*; do keyrings+=(--keyring="$keyring"); done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root

# "extract" unpacks and configures nothing: no maintainer script runs, so it is quick and the same everywhere.
mmdebstrap --quiet --variant=extract --include=python3,libstdc++6,base-files,dash,coreutils "${keyrings[@]}" "$suite" "$root" "$archive"

mkdir -p "$root"/var/{task,runtime,rapid} "$root"/opt "$root"/tmp "$root"/proc "$root"/dev
chmod 1777 "$root"/tmp
printf 'root:x:0:0:root:/root:/sbin/nologin\n' > "$root"/etc/passwd
printf 'root:x:0:\n' > "$root"/etc/group

"$uv" pip install --quiet --no-config --target "$root"/var/runtime --python-version "$python" --only-binary :all: \
    -r "$here/runtime-requirements.txt"
{ echo "#!/usr/bin/python$python"; cat "$here/bootstrap.py"; } > "$root"/var/runtime/bootstrap
chmod 755 "$root"/var/runtime/bootstrap

# Debian compiles the standard library when the package is configured, which never happened; without this every
# cold start would compile it anew.
chroot "$root" "/usr/bin/python$python" -m compileall -q --invalidation-mode unchecked-hash \
    "/usr/lib/python$python" /var/runtime >/dev/null
rm -rf "$root"/usr/share/{doc,man,locale,info,lintian} "$root"/var/{cache,lib/apt,lib/dpkg} "$root"/usr/lib/*-linux-gnu/perl*

tar -C "$root" --numeric-owner -c . | docker import \
    -c 'ENV PATH=/usr/local/bin:/usr/bin:/bin:/opt/bin' -c 'ENV LANG=C.UTF-8' -c 'ENV TZ=:UTC' \
    -c 'ENV LAMBDA_TASK_ROOT=/var/task' -c 'ENV LAMBDA_RUNTIME_DIR=/var/runtime' -c 'WORKDIR /var/task' -c "LABEL $label" - "$name"
