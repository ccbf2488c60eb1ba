#!/usr/bin/env bash
# Whether the version before works on the schema of this one, as it must while servers are replaced one by one: the end-to-end
# tests of the last release, or of the commit that is named, on databases that this version has migrated.
#   scripts/test-previous.sh [COMMIT] [arguments for its npm test]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

previous=${1:-$(git describe --tags --abbrev=0 --match 'v[0-9]*' 'HEAD^' 2>/dev/null || true)}
shift || true
if [ -z "$previous" ]; then
  echo 'No release comes before this commit: there is no version before.'
  exit 0
fi

npm run --silent build
folder=$(mktemp -d)
trap 'git worktree remove --force "$folder"' EXIT
git worktree add --quiet --detach "$folder" "$previous"
migrator=$PWD/dist/cli/main.js
cd "$folder"
if ! grep -q DEADWAX_TEST_MIGRATED_BY test/support/database.ts; then
  echo "The tests of $previous cannot be run on a schema that is given." >&2
  exit 1
fi
npm ci --no-audit
[ $# -gt 0 ] || set -- --selectProjects sqlite mariadb postgres --testPathPatterns e2e
DEADWAX_TEST_MIGRATED_BY=$migrator npm test --silent -- "$@"
