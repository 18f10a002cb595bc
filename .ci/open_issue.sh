#!/usr/bin/env bash
# Open an issue of this title, with the end of a log; where one is open already, comment on it. Needs `gh`, logged in.
#
#   .ci/open_issue.sh "title" log.txt https://address.of/the/run
set -euo pipefail
title=$1 log=$2 address=$3
body=$(mktemp)
trap 'rm -f "$body"' EXIT
{
    printf 'A weekly run failed: %s\n\nThe end of what it printed:\n\n```text\n' "$address"
    tail -n 60 "$log" | cut -c1-500
    printf '```\n'
} > "$body"
number=$(gh issue list --state open --limit 100 --json number,title --jq ".[] | select(.title == \"$title\") | .number" | head -n 1)
if [ -n "$number" ]; then
    gh issue comment "$number" --body-file "$body"
else
    gh issue create --title "$title" --body-file "$body"
fi
