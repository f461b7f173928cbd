# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# The frame of all drills: a lab of its own, runs, results as JSON or as a table.

GAP_LIMIT_MS=9000   # a client whose first attempt is refused waits 10 s: that must not happen

# name, default number of runs, nodes, what it shows
drill_table() {
	cat <<-'EOT'
		configs            1  2  every file of ha-configs is taken by its program
		kill-daemon        5  2  the owner's daemon is killed; clients go on at the other node
		kill-node          5  2  daemon and corosync killed, cables out; clients go on
		login-storm-kill  20  2  killed at a random moment of a login storm: no token is lost
		cut-cluster-links  1  2  Corosync cut off, both alive: one of them owns, nobody notices
		frozen-active      1  2  a frozen owner falls silent, and stays so after it thaws
		mass-resume        1  2  200 sessions resume on the other node
		both-restart       1  2  both nodes lose power: sessions resume, an ended one stays ended
		alone-restart      1  1  the same for a node without a cluster
		login-logout-leak  1  2  1000 logins and logouts under AddressSanitizer, clean end
	EOT
}

drill_list() {
	drill_table
}

# One result. Numbers that were not measured are given as "".
result() { # client resumed same_address logins lost gap_ms detect_ms why
	jq -cn --arg drill "$DRILL" --argjson run "$RUN" --arg client "$1" --argjson resumed "$2" \
		--argjson same "$3" --argjson logins "${4:-null}" --argjson lost "${5:-null}" \
		--argjson gap "${6:-null}" --argjson detect "${7:-null}" --arg why "$8" \
		'{drill: $drill, run: $run, client: $client, resumed: $resumed,
		  same_address: $same, logins: $logins, lost_sessions: $lost, gap_ms: $gap,
		  detect_ms: $detect, pass: ($why == ""), why: $why}' >>"$RESULTS"
	say "  run $RUN $1: $([ -z "$8" ] && echo ok || echo "FAILED: $8")${6:+, gap $6 ms}${7:+, detected after $7 ms}"
}

drill_fail() { # why
	result all false false "" "" "" "" "$1"
}

drill_options() { # arguments after the name
	JSON='' PROFILE=fast
	while [ $# -gt 0 ]; do
		case $1 in
		--json) JSON=yes ;;
		--runs)
			[[ ${2:-} =~ ^[1-9][0-9]{0,3}$ ]] || die "--runs: a number from 1 to 9999"
			RUNS=$2
			shift
			;;
		--profile)
			PROFILE=${2:-}
			shift
			;;
		*) die "drill: unknown option '$1' (--runs N, --profile fast|prod, --json)" ;;
		esac
		shift
	done
}

drill_main() { # name options
	local line
	DRILL=${1:-}
	line=$(drill_table | grep -E "^ *${DRILL:-none} ") ||
		die "no drill '$DRILL' (tandem-lab drill list)"
	shift
	read -r _ RUNS NODES _ <<<"$line"
	drill_options "$@"
	need_build
	need_tools tcpdump
	own_lab
	RESULTS=$(mktemp)
	trap 'rm -f "$RESULTS"; own_lab_end; exit 130' INT TERM
	say "drill $DRILL, $RUNS run(s), profile $PROFILE"
	drill_runs
	own_lab_end
	[ -z "$JSON" ] || jq -s . "$RESULTS"
	[ -n "$JSON" ] || drill_report
	jq -se 'length > 0 and all(.pass)' "$RESULTS" >/dev/null
	local rc=$?
	rm -f "$RESULTS"
	return "$rc"
}

# Drills and the demo break things: they get a lab of their own beside the one that may be up.
# What an earlier one left behind (killed, out of memory) is swept away first.
own_lab() {
	D=${TANDEM_LAB_DIR:-/run/tandem-lab}/${PREFIX}d
	PREFIX=${PREFIX}d
	SW=$PREFIX-sw
	mkdir -p "${D%/*}"
	# the kernel lets go of the lock when this process ends, however it ends
	exec {LOCK_FD}>"$D.lock"
	flock -n "$LOCK_FD" || die "a drill or demo runs already; choose another --prefix"
	lab_down
	mkdir -p "${D%/*}"
}

own_lab_end() {
	rm -f "$D.lock"
	lab_down
}

# Every run in a subshell: an error of one run is its result, and the next gets a fresh lab.
drill_runs() {
	local before up=
	for RUN in $(seq "$RUNS"); do
		if [ -z "$up" ] && ! (drill_lab); then
			drill_fail "the lab did not come up"
			continue
		fi
		up=yes
		before=$(wc -l <"$RESULTS")
		("drill_${DRILL//-/_}") || drill_fail "the run ended early"
		[ "$(wc -l <"$RESULTS")" -gt "$before" ] || drill_fail "no result"
		if tail -n "+$((before + 1))" "$RESULTS" | jq -se 'any(.pass | not)' >/dev/null; then
			lab_save_logs "$DRILL-run$RUN"
			(lab_down)
			up=
		fi
	done
}

drill_lab() {
	[ "$DRILL" != login-logout-leak ] || use_asan_build
	lab_up "$NODES" "$PROFILE"
}

drill_report() {
	jq -rs '
		def stats: map(select(. != null)) | sort |
			if length == 0 then "-" else
			"\(.[0]) / \(.[(length - 1) / 2 | floor]) / \(.[-1])" end;
		(["client", "runs", "passed", "logins", "lost", "gap ms min/median/max",
		  "detected ms min/median/max"] | @tsv),
		(group_by(.client)[] | [.[0].client, length, (map(select(.pass)) | length),
		  (map(.logins) | unique | map(. // "-" | tostring) | join(",")),
		  (map(.lost_sessions // 0) | add), (map(.gap_ms) | stats),
		  (map(.detect_ms) | stats)] | @tsv),
		(.[] | select(.pass | not) | "FAILED run \(.run) \(.client): \(.why)")' "$RESULTS" |
		awk -F'\t' 'NF < 2 { print; next }
			{ printf "%-8s %5s %7s %7s %5s  %-26s  %s\n", $1, $2, $3, $4, $5, $6, $7 }'
}
