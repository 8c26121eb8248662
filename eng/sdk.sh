# Shared by ./pollard and ./test: the .NET SDK that builds, and the runtime that built programs look for.
# shellcheck shell=bash

# Says what to install when there is no .NET 10 SDK.
require_sdk() {
  if ! command -v dotnet >/dev/null || ! dotnet --list-sdks | grep -q '^10\.'; then
    echo "$1: needs the .NET 10 SDK and finds none; install it from https://dotnet.microsoft.com/download/dotnet/10.0 (Debian, Ubuntu: apt-get install dotnet-sdk-10.0)" >&2
    exit 1
  fi
}

# A built program looks for the runtime in the usual places only; dotnet may lie elsewhere.
find_runtime() {
  if [[ -z ${DOTNET_ROOT:-} ]] && command -v dotnet >/dev/null; then
    local root
    root=$(dirname -- "$(readlink -f -- "$(command -v dotnet)")")
    if [[ -d $root/shared ]]; then
      export DOTNET_ROOT=$root
    fi
  fi
}
