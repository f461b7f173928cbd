# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# both-restart, alone-restart: every node loses its power and is started again. Sessions come back
# with their addresses; a session that an administrator ended stays ended.

RESTART_SESSIONS=2

drill_both_restart() {
	restart_run
}

drill_alone_restart() {
	restart_run
}

restart_all() {
	local n
	for n in $(lab_nodes); do
		node_kill "$n" node
	done
	for n in $(lab_nodes); do
		rm -f "$D/$n/off"
		node_start "$n"
	done
	nodes_wait_ready 40
}

# The first session of the node, as JSON.
first_session() { # node
	ns_run "$1" "$BIN/tandemctl" sessions --json | jq -c '.sessions | sort_by(.index) | first'
}

session_address() { # node index
	ns_run "$1" "$BIN/tandemctl" sessions --json |
		jq -r --argjson index "$2" '.sessions[] | select(.index == $index) | .address4'
}

resumed_now() { # tokens file, what to count
	load_run resume --timeout 10 --tokens "$1" >"$D/resume.json" 2>"$D/resume.log"
	jq -r --arg what "$2" '.[$what] // 0' "$D/resume.json"
}

restart_run() {
	local owner tokens=$D/restart.tokens index address kept why='' n same=true
	owner=$(lab_owner) || die "no owner"
	rm -f "$tokens" "$D"/restart.one.*
	: >"$tokens"
	for n in $(seq "$RESTART_SESSIONS"); do
		load_run login --count 1 --tokens "$tokens" >"$D/login.json" 2>"$D/login.log" ||
			die "no login: $(tail -n 1 "$D/login.log")"
	done
	[ "$(wc -l <"$tokens")" = "$RESTART_SESSIONS" ] || die "not $RESTART_SESSIONS tokens"
	head -n 1 "$tokens" >"$D/restart.one.ended"
	tail -n 1 "$tokens" >"$D/restart.one.kept"
	index=$(first_session "$owner" | jq -r .index)
	kept=$(ns_run "$owner" "$BIN/tandemctl" sessions --json | jq -r '[.sessions[].index] | max')
	address=$(session_address "$owner" "$kept")
	ns_run "$owner" "$BIN/tandemctl" logoff "$index" >"$D/logoff.log" 2>&1 ||
		die "logoff: $(tail -n 1 "$D/logoff.log")"
	# the login is in the journal a moment later; the end is, because it was answered
	nap 0.3
	restart_all || why="the nodes did not come back"
	owner=$(lab_owner) || die "no owner after the restart"
	[ "$(resumed_now "$D/restart.one.kept" ok)" = 1 ] ||
		why="${why:+$why; }the session did not resume: $(head -c 300 "$D/resume.json")"
	[ -n "$address" ] && [ "$(session_address "$owner" "$kept")" = "$address" ] || {
		same=false
		why="${why:+$why; }its address was $address and is $(session_address "$owner" "$kept")"
	}
	[ "$(resumed_now "$D/restart.one.ended" refused_401)" = 1 ] ||
		why="${why:+$why; }the ended session's token was not refused: $(head -c 300 "$D/resume.json")"
	node_status "$owner" | jq -e '.journal.state == "ok"' >/dev/null ||
		why="${why:+$why; }the journal is not in order"
	result load "$([ -z "$why" ] && echo true || echo false)" "$same" "$RESTART_SESSIONS" \
		"$([ -z "$why" ] && echo 0 || echo 1)" "" "" "$why"
	ns_run "$owner" "$BIN/tandemctl" logoff "$kept" >/dev/null 2>&1
}
