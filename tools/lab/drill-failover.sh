# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# kill-daemon, kill-node: the owner dies under four real clients.

FAILOVER_CLIENTS="busy idle nat nodtls"

drill_kill_daemon() {
	failover_run daemon
}

drill_kill_node() {
	failover_run node
}

clients_up() { # profile...
	local c
	for c in "$@"; do
		client_start "$c"
	done
	for c in "$@"; do
		client_wait "$c" 30 || die "client $c did not come up"
	done
}

other_node() { # node: the next one
	lab_nodes | grep -vx "$1" | head -n 1
}

# The idle client sends nothing from here on; the others have half a second of replies.
streams_start() { # profile...
	local c
	for c in "$@"; do
		wait_for 5 ping_ok "$c" || die "client $c: no ping through the tunnel"
	done
	for c in "$@"; do
		if [ "$c" = idle ]; then probe_arm idle; else ping_start "$c"; fi
	done
	nap 0.5
}

clients_wait_back() { # seconds kill_us profile...
	local end=$((${EPOCHREALTIME/./} + $1 * 1000000)) t0=$2 c
	shift 2
	for c in "$@"; do
		until client_is_back "$c" "$t0" || [ "${EPOCHREALTIME/./}" -gt "$end" ]; do
			nap 0.02
		done
	done
	nap 0.3
}

failover_run() { # daemon|node
	local victim survivor c
	victim=$(lab_owner) || die "no owner to kill"
	survivor=$(other_node "$victim")
	log_mark
	# shellcheck disable=SC2086
	clients_up $FAILOVER_CLIENTS
	watch_start
	# shellcheck disable=SC2086
	streams_start $FAILOVER_CLIENTS
	# not in step with any timer of the daemon or of corosync
	nap "0.$((RANDOM % 400 + 100))"
	node_kill "$victim" "$1"
	# shellcheck disable=SC2086
	clients_wait_back 30 "$KILL_US" $FAILOVER_CLIENTS
	for c in $FAILOVER_CLIENTS; do
		ping_stop "$c"
		client_verdict "$c" "$victim" "$survivor"
	done
	watch_stop
	clients_stop_all
	node_start "$victim"
	nodes_wait_ready 40 || die "$victim did not come back in sync"
}

client_verdict() { # profile victim survivor
	local why='' resumed=true same=true n gap detect lost=0
	gap=$(ping_gap_ms "$1" "$KILL_US")
	detect=$(detect_ms "$3" "$2" "$KILL_US")
	n=$(logins "$1")
	client_pid "$1" >/dev/null && reconnected_after "$1" "$KILL_US" && [ -n "$gap" ] || {
		resumed=false
		lost=1
		why="not resumed: $(tail -n 1 "$(client_dir "$1")/log" | cut -d' ' -f2-)"
	}
	same_address "$1" || {
		same=false
		why="${why:+$why; }inner address changed"
	}
	[ "$n" = 1 ] || why="${why:+$why; }$n logins instead of 1"
	node_is_owner "$3" || why="${why:+$why; }$3 is not the owner"
	if [ -n "$gap" ] && [ "${gap%.*}" -ge "$GAP_LIMIT_MS" ]; then
		why="${why:+$why; }gap over $GAP_LIMIT_MS ms: an attempt was refused"
	fi
	result "$1" "$resumed" "$same" "$n" "$lost" "$gap" "$detect" "$why"
}
