# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# login-storm-kill, mass-resume: many sessions, made by tandem-load.

STORM_COUNT=4000         # more than a round can do
STORM_CONCURRENCY=32
RING_TIMEOUT_US=300000   # of the fast profile, with some reserve
MASS_SESSIONS=200

# In turn: the process alone; the whole node; the whole node a moment after it lost sight of the
# other. In that moment Corosync still gives it its own messages, which nobody else will ever see.
storm_kill() { # node kind; JUDGED: how many of the tokens had to survive, when not all
	local lines cut_us
	JUDGED=
	case $2 in
	1)
		node_kill "$1" daemon
		;;
	2)
		node_kill "$1" node
		;;
	0)
		lines=$(wc -l <"$D/storm.tokens")
		cut_us=$(now_us)
		ring_cut "$1"
		nap "0.$(printf '%03d' $((RANDOM % 150)))"
		node_kill "$1" node
		# Later than token + consensus the node knows that it is alone. With two_node it goes on,
		# and what it hands out then is unprotected, as it says itself.
		[ $((KILL_US - cut_us)) -lt "$RING_TIMEOUT_US" ] || JUDGED=$lines
		;;
	esac
}

# A token that a client has received is known to the other node, whenever the owner dies.
drill_login_storm_kill() {
	local victim survivor tokens=$D/storm.tokens n ok refused why=''
	victim=$(lab_owner) || die "no owner to kill"
	survivor=$(other_node "$victim")
	: >"$tokens"
	load_start "$D/storm" login --count "$STORM_COUNT" --concurrency "$STORM_CONCURRENCY" \
		--tokens "$tokens"
	wait_for 10 test -s "$tokens" || die "no login in 10 s: $(tail -n 1 "$D/storm.log")"
	nap "0.$(printf '%03d' $((RANDOM % 800)))"
	storm_kill "$victim" $((RUN % 3))
	# what reached a client up to now is what must survive; logins at the new owner are welcome
	wait_for 30 node_is_owner "$survivor" || die "$survivor did not take over"
	nap 0.3
	pid_stop "$(pid_load "$D/storm.pid")" 5
	[ -z "$JUDGED" ] || {
		say "  the machine is slow: only $JUDGED tokens from before the cut are judged"
		head -n "$JUDGED" "$tokens" >"$tokens.judged"
		mv "$tokens.judged" "$tokens"
	}
	n=$(wc -l <"$tokens")
	load_run resume --logout --timeout 10 --tokens "$tokens" --concurrency "$STORM_CONCURRENCY" \
		>"$D/resume.json" 2>"$D/resume.log"
	ok=$(jq -r '.ok // 0' "$D/resume.json" 2>/dev/null)
	refused=$(jq -r '.refused_401 // 0' "$D/resume.json" 2>/dev/null)
	[ "${ok:-0}" = "$n" ] ||
		why="$n tokens received, ${ok:-0} resumed, ${refused:-?} refused: $(tail -n 1 "$D/resume.log")"
	result load "$([ -z "$why" ] && echo true || echo false)" true "$n" "$((n - ${ok:-0}))" "" "" "$why"
	node_start "$victim"
	nodes_wait_ready 40 || die "$victim did not come back in sync"
}

hold_up() { # node count: all are there, or the program has ended
	sessions_up "$1" "$2" || ! client_pid load >/dev/null
}

drill_mass_resume() {
	local victim survivor why='' sum detect resumed moved lost=0 n pid
	victim=$(lab_owner) || die "no owner to kill"
	survivor=$(other_node "$victim")
	watch_start
	load_hold_start "$MASS_SESSIONS"
	wait_for 60 hold_up "$victim" "$MASS_SESSIONS" && pid=$(client_pid load) ||
		die "not $MASS_SESSIONS sessions in 60 s: $(tail -n 1 "$(client_dir load)/hold.log")"
	nap 1
	log_mark
	node_kill "$victim" node
	wait_for 30 node_is_owner "$survivor" || die "$survivor did not take over"
	wait_for 30 sessions_up "$survivor" "$MASS_SESSIONS"
	nap 1.5
	kill -TERM "$pid"
	wait_for 10 pid_gone "$pid" || die "tandem-load does not end"
	sum=$(client_dir load)/hold.json
	resumed=$(jq -r '.resumed_sessions // 0' "$sum")
	moved=$(jq -r '.address_changed // 0' "$sum")
	lost=$(jq -r '.lost // 0' "$sum")
	n=$(logins load)
	detect=$(detect_ms "$survivor" "$victim" "$KILL_US")
	[ "$resumed" = "$MASS_SESSIONS" ] && [ "$lost" = 0 ] ||
		why="$resumed of $MASS_SESSIONS resumed, $lost lost"
	[ "$moved" = 0 ] || why="${why:+$why; }$moved inner addresses changed"
	[ "$n" = 0 ] || why="${why:+$why; }$n logins after the failure"
	result load "$([ "$resumed" = "$MASS_SESSIONS" ] && echo true || echo false)" \
		"$([ "$moved" = 0 ] && echo true || echo false)" "$((MASS_SESSIONS + n))" "$lost" \
		"$(jq -r '.silence_ms.max // ""' "$sum")" "$detect" "$why"
	watch_stop
	node_start "$victim"
	nodes_wait_ready 40 || die "$victim did not come back in sync"
}

sessions_up() { # node count: sessions with a tunnel there
	node_status "$1" | jq -e --argjson want "$2" '.members[0].active // 0 | . >= $want' >/dev/null
}
