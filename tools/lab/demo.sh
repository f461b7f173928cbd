# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# The story in a dozen lines. Every line that claims something is checked.

tell() { # text: with the time since the start
	local us=$((${EPOCHREALTIME/./} - DEMO_US))
	printf '%3d.%03d  %s\n' $((us / 1000000)) $((us / 1000 % 1000)) "$*"
}

claim() { # text command...: the text, when the command agrees
	local text=$1
	shift
	if "$@"; then
		tell "$text"
	else
		tell "NOT TRUE: $text"
		DEMO_FAILED=yes
	fi
}

demo_main() {
	local rc
	[ $# = 0 ] || die "demo takes no arguments"
	need_build
	need_tools
	own_lab
	trap 'own_lab_end; exit 130' INT TERM
	DEMO_US=$(now_us)
	QUIET=yes
	tell "starting two nodes with Corosync, clients, a NAT router and an inside host"
	(lab_up 2 fast) && (demo_story)
	rc=$?
	[ "$rc" = 0 ] || lab_save_logs demo
	own_lab_end
	if [ "$rc" = 0 ]; then
		tell "everything held; the lab is gone again"
	else
		tell "not everything held"
	fi
	return "$rc"
}

demo_story() {
	local addr gap owner
	DEMO_FAILED=
	owner=$(lab_owner)
	claim "the pair is up: n1 serves $SERVICE_ADDR, n2 has every session and waits" \
		[ "$owner" = n1 ]
	log_mark
	client_start busy
	client_wait busy 30 || die "openconnect did not log in"
	addr=$(client_address busy)
	tell "openconnect logged in as user 'busy' with a password: inner address $addr"
	claim "ping from the client through the tunnel to $HOST_INSIDE works" ping_ok busy
	watch_start
	ping_start busy
	tell "traffic flows: a ping every 10 ms"
	nap 1.5
	node_kill n1 node
	tell "n1 is dead: tandemd and corosync killed with SIGKILL, all cables pulled"
	clients_wait_back 30 "$KILL_US" busy
	ping_stop busy
	gap=$(ping_gap_ms busy "$KILL_US")
	claim "Corosync told n2 after $(detect_ms n2 n1 "$KILL_US") ms; n2 owns $SERVICE_ADDR now" \
		node_is_owner n2
	claim "the client felt a gap of ${gap:-?} ms and is back: same process, same tunnel device" \
		[ -n "$gap" ]
	claim "its inner address is still $addr" same_address busy
	claim "nobody asked for a password again: logins on both nodes together = $(logins busy)" \
		[ "$(logins busy)" = 1 ]
	ping_ok busy || claim "the tunnel works now" false
	tell "n2 says (tandemctl status):"
	ns_run n2 "$BIN/tandemctl" status || DEMO_FAILED=yes
	[ -z "$DEMO_FAILED" ]
}
