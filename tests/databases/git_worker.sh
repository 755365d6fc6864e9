#!/usr/bin/env bash
# Commits to a branch of its own and to a shared one, in a clone of a shared repository.
#
#   git_worker.sh REPOSITORY CLONE NUMBER SECONDS
set -euo pipefail

repository=$1 clone=$2 number=$3 end=$((SECONDS + $4))
export GIT_AUTHOR_NAME=worker GIT_AUTHOR_EMAIL=worker@localhost
export GIT_COMMITTER_NAME=worker GIT_COMMITTER_EMAIL=worker@localhost

git clone -q "$repository" "$clone" 2>/dev/null
cd "$clone"
git checkout -q -b "own$number"
for ((i = 0; SECONDS < end; ++i)); do
  mkdir -p "folder$((i % 7))"
  seq "$i" $((i + RANDOM % 3000)) >"folder$((i % 7))/file$((i % 13))"
  git add -A
  git commit -q --allow-empty -m "commit $i of $number"
  if ((i % 5 == 0)); then git push -q origin "own$number"; fi
  if ((i % 11 == 0)); then git gc -q --auto; fi
done
git push -q origin "own$number"
git fsck --strict --no-dangling
