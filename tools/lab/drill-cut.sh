# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# cut-cluster-links: Corosync's traffic is blocked on every network, nothing else is. With two_node
# both nodes are quorate then; the one that does not own must find the other on the wire and leave
# it alone. A capture shows who answers for the service address.

CUT_S=2
HEAL_GAP_MS=1500

cluster_links_cut() { # node
	ns_run "$1" nft -f - <<-'EOT'
		table inet cut {
			chain input {
				type filter hook input priority -200; policy accept;
				udp dport 5405-5412 drop
			}
			chain output {
				type filter hook output priority -200; policy accept;
				udp dport 5405-5412 drop
			}
		}
	EOT
}

cluster_links_heal() { # node
	ns_run "$1" nft delete table inet cut
}

node_alone() { # node: sees no other node, and is quorate
	node_status "$1" | jq -e '.quorate and ([.nodes[] | select(.present)] | length == 1)' >/dev/null
}

drill_cut_cluster_links() {
	local owner other mac t_cut t_heal answers n why='' same=true resumed=true gap
	owner=$(lab_owner) || die "no owner"
	other=$(other_node "$owner")
	mac=$(node_mac "$other")
	log_mark
	clients_up busy
	streams_start busy
	capture_start
	arp_requests c4
	nap 0.5
	t_cut=$(now_us)
	for n in $(lab_nodes); do
		cluster_links_cut "$n"
	done
	wait_for 10 node_alone "$other" || why="$other did not lose sight of $owner"
	nap "$CUT_S"
	node_is_owner "$owner" || why="${why:+$why; }$owner does not own any more"
	t_heal=$(now_us)
	for n in $(lab_nodes); do
		cluster_links_heal "$n"
	done
	nodes_wait_ready 30 || why="${why:+$why; }the nodes did not find each other again"
	nap 1
	ping_stop busy
	requests_stop
	capture_stop
	answers=$(frames_from "$mac" "$t_cut" "$t_heal")
	n=$(logins busy)
	gap=$(ping_gap_ms busy "$t_cut")
	say "  cut for $(((t_heal - t_cut) / 1000)) ms: $other answered or announced $answers times," \
		"$owner $(frames_from "$(node_mac "$owner")" "$t_cut" "$t_heal") times"
	[ "$answers" = 0 ] || why="${why:+$why; }$other answered for the address of a living owner"
	[ "$n" = 1 ] || why="${why:+$why; }$n logins instead of 1"
	same_address busy || same=false why="${why:+$why; }inner address changed"
	[ -n "$gap" ] || resumed=false why="${why:+$why; }no traffic after the cut"
	[ "${gap%.*}" -lt "$HEAL_GAP_MS" ] 2>/dev/null || why="${why:+$why; }gap over $HEAL_GAP_MS ms"
	result busy "$resumed" "$same" "$n" 0 "$gap" "" "$why"
	clients_stop_all
}
