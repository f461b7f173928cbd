# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# frozen-active: all processes of the owner stop, its kernel and its cables do not. Requests for the
# service address go straight to both nodes' interfaces; a capture shows who answers.

LEASE_US=200000
LEASE_SLACK_US=50000    # signal delivery, scheduling, time stamps

node_mac() { # node
	ns_run "$1" cat /sys/class/net/eth0/address
}

# The bridge in promiscuous mode sees every frame that it forwards.
capture_start() {
	detach nsenter --net="/run/netns/$SW" tcpdump -i lan -e -n -tt -l -s 128 \
		"arp or (icmp and host $SERVICE_ADDR)" >"$D/capture.txt" 2>"$D/capture.err"
	pid_save "$D/capture.pid" $!
	wait_for 5 file_has "$D/capture.err" 'listening on' || die "tcpdump: $(cat "$D/capture.err")"
}

capture_stop() {
	pid_stop "$(pid_load "$D/capture.pid")" 3
}

# Echo requests from one namespace, framed for one node whatever ARP says.
requests_to() { # namespace mac
	ip -n "$(ns_name "$1")" neigh replace "$SERVICE_ADDR" lladdr "$2" nud permanent dev eth0
	detach nsenter --net="/run/netns/$(ns_name "$1")" \
		ping -n -q -i 0.01 "$SERVICE_ADDR" >"$D/requests-$1.log" 2>&1
	pid_save "$D/requests-$1.pid" $!
}

# Broadcast ARP requests, several a second: a ping without a neighbour entry.
arp_requests() { # namespace
	# shellcheck disable=SC2016
	detach nsenter --net="/run/netns/$(ns_name "$1")" sh -c '
		while :; do
			ip neigh flush to "$1" dev eth0
			ping -n -q -c 1 -W 0.1 "$1"
		done' sh "$SERVICE_ADDR" >"$D/requests-$1.log" 2>&1
	pid_save "$D/requests-$1.pid" $!
}

requests_stop() {
	local f pid
	for f in "$D"/requests-*.pid; do
		pid=$(pid_load "$f") && kill -KILL "$pid"
	done
	return 0
}

# Frames in the capture, counted. Requests have the node as destination (or everybody, for ARP);
# an announcement ("tell" the address itself) is as good as an answer.
frames_from() { # mac from_us to_us: answers for the service address
	frames "$1" "$2" "$3" answer
}

frames_to() { # mac from_us to_us: requests for it
	frames "$1" "$2" "$3" request
}

frames() { # mac from_us to_us answer|request
	awk -v mac="$1" -v t0="$2" -v t1="$3" -v what="$4" -v addr="$SERVICE_ADDR" '
		{ t = $1; sub(/\./, "", t); dst = $4; sub(/,$/, "", dst) }
		t <= t0 || t >= t1 { next }
		what == "answer" && $2 == mac && (index($0, "ICMP echo reply") ||
			index($0, "Reply " addr " is-at") || index($0, " tell " addr ",")) { n++ }
		what == "request" && (dst == mac || dst == "Broadcast" || dst ~ /^ff:/) &&
			(index($0, "ICMP echo request") || index($0, "who-has " addr)) { n++ }
		END { print n + 0 }' "$D/capture.txt"
}

drill_frozen_active() {
	local frozen survivor mac other t_freeze t_thaw t_end silent asked before answered late
	local why=''
	frozen=$(lab_owner) || die "no owner to freeze"
	survivor=$(other_node "$frozen")
	mac=$(node_mac "$frozen")
	other=$(node_mac "$survivor")
	log_mark
	clients_up nat
	streams_start nat
	capture_start
	requests_to c1 "$mac"
	requests_to c3 "$other"
	arp_requests c4
	nap 1
	node_signal_all "$frozen" STOP
	t_freeze=$KILL_US
	wait_for 20 node_is_owner "$survivor" || why="$survivor did not take over"
	clients_wait_back 20 "$t_freeze" nat
	nap 1
	node_signal_all "$frozen" CONT
	t_thaw=$KILL_US
	nap 2
	t_end=$(now_us)
	ping_stop nat
	requests_stop
	capture_stop
	silent=$((t_freeze + LEASE_US + LEASE_SLACK_US))
	before=$(frames_from "$mac" 0 "$t_freeze")
	asked=$(frames_to "$mac" "$silent" "$t_end")
	late=$(frames_from "$mac" "$silent" "$t_end")
	answered=$(frames_from "$other" "$t_freeze" "$t_end")
	say "  frozen $frozen: $before answers before, $late of $asked after its lease" \
		"(thawed after $(((t_thaw - t_freeze) / 1000)) ms); $survivor: $answered answers"
	[ "$before" -gt 0 ] || why="${why:+$why; }$frozen never answered, so the capture shows nothing"
	[ "$asked" -gt 0 ] || why="${why:+$why; }nothing was asked after the freeze"
	[ "$late" = 0 ] || why="${why:+$why; }$late answers of $frozen after its lease ran out"
	[ "$answered" -gt 0 ] || why="${why:+$why; }$survivor did not answer"
	nodes_wait_ready 20 || why="${why:+$why; }$frozen did not come back as standby"
	frozen_verdict "$survivor" "$why" "$t_freeze"
	clients_stop_all
	ip -n "$(ns_name c1)" neigh del "$SERVICE_ADDR" dev eth0
	ip -n "$(ns_name c3)" neigh del "$SERVICE_ADDR" dev eth0
}

frozen_verdict() { # survivor why freeze_us
	local why=$2 resumed=true same=true n gap
	gap=$(ping_gap_ms nat "$3")
	n=$(logins nat)
	reconnected_after nat "$3" && [ -n "$gap" ] || {
		resumed=false
		why="${why:+$why; }client not resumed"
	}
	same_address nat || {
		same=false
		why="${why:+$why; }inner address changed"
	}
	[ "$n" = 1 ] || why="${why:+$why; }$n logins instead of 1"
	node_is_owner "$1" || why="${why:+$why; }$1 is not the owner any more"
	result nat "$resumed" "$same" "$n" "$([ "$resumed" = true ] && echo 0 || echo 1)" "$gap" "" "$why"
}
