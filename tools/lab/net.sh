# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# Namespaces, bridges and cables.
#
#   sw      the switch: bridges ring0, ring1, lan, inside
#   n1..    nodes: ring0, ring1 (corosync), eth0 = lan, eth1 = inside; address .<i> everywhere
#   c1 c3 c4  clients on the lan;   c2  client behind the NAT router r1
#   h1      a host on the inside network
#
# Addresses and interface names are the ones of the example files in ha-configs/.

NET_RING0=10.1.0
NET_RING1=10.2.0
NET_LAN=192.0.2
NET_INSIDE=198.51.100
NET_HOME=10.99.0
POOL=10.64.0.0/22
SERVICE_ADDR=$NET_LAN.10
SERVICE_INSIDE=$NET_INSIDE.10
SERVICE_PORT=443
HOST_INSIDE=$NET_INSIDE.101

ns_name() { # name
	printf '%s-%s' "$PREFIX" "$1"
}

ns_exists() { # name
	[ -e "/run/netns/$(ns_name "$1")" ]
}

# Run a command in a namespace. Nodes also have a mount and a UTS namespace, held by a process.
ns_run() { # name command...
	local name=$1 pid
	shift
	case $name in
	n[0-9]*)
		pid=$(pid_load "$D/$name/holder.pid") || die "$name is not up"
		nsenter -t "$pid" -m -u -n --wd="$PWD" -- "$@"
		;;
	*)
		nsenter --net="/run/netns/$(ns_name "$name")" -- "$@"
		;;
	esac
}

ns_add() { # name
	local ns
	ns=$(ns_name "$1")
	ip netns add "$ns" || die "cannot add network namespace $ns"
	ip -n "$ns" link set lo up
}

# The node's holder: a private /run (corosync's pid file has a fixed path), a private
# /etc/corosync, a hostname. The lab's own directory stays visible when it lies below /run.
node_holder() { # name
	local dir=$D/$1
	mkdir -p "$dir/run/tandem" "$dir/etc/corosync/uidgid.d" "$dir/etc/tandem" \
		"$dir/state" "$dir/lib"
	# shellcheck disable=SC2016
	detach ip netns exec "$(ns_name "$1")" unshare -m -u --propagation private sh -c '
		hostname "$1"
		case $3 in
		/run/*)	mkdir -p "$2/run/${3#/run/}" && mount --bind "$3" "$2/run/${3#/run/}" || exit 1 ;;
		esac
		mount --rbind "$2/run" /run || exit 1
		mount --bind "$2/etc/corosync" /etc/corosync || exit 1
		echo $$ >"$2/holder.ready"
		exec sleep infinity' sh "$1" "$dir" "$D" >"$dir/holder.log" 2>&1
	wait_for 5 test -s "$dir/holder.ready" || {
		cat "$dir/holder.log" >&2
		die "cannot make the namespaces of $1"
	}
	pid_save "$dir/holder.pid" "$(cat "$dir/holder.ready")"
}

# A cable from a namespace to a bridge of the switch. The port is called <name>-<interface>.
plug() { # name interface bridge address/len
	local ns
	ns=$(ns_name "$1")
	ip -n "$SW" link add "$1-$2" type veth peer name "$2" netns "$ns" || die "cannot plug $1 $2"
	ip -n "$SW" link set "$1-$2" master "$3" up
	ip -n "$ns" addr add "$4" dev "$2"
	ip -n "$ns" link set "$2" up
}

net_switch() {
	local b
	ns_add sw
	for b in ring0 ring1 lan inside; do
		ip -n "$SW" link add "$b" type bridge forward_delay 0 stp_state 0 mcast_snooping 0
		ip -n "$SW" link set "$b" up
	done
}

net_node() { # i
	local n=n$1
	ns_add "$n"
	node_holder "$n"
	# before the interfaces exist: they take over the values under "default"
	ns_run "$n" sysctl -q -p "$ROOT/ha-configs/sysctl/90-tandem.conf" ||
		die "cannot set ha-configs/sysctl/90-tandem.conf in $n"
	plug "$n" ring0 ring0 "$NET_RING0.$1/24"
	plug "$n" ring1 ring1 "$NET_RING1.$1/24"
	plug "$n" eth0 lan "$NET_LAN.$1/24"
	plug "$n" eth1 inside "$NET_INSIDE.$1/24"
}

net_lan_client() { # name host-part
	ns_add "$1"
	plug "$1" eth0 lan "$NET_LAN.$2/24"
}

# r1 is as strict as a router can be: what its connection tracking does not know is dropped.
net_nat_client() {
	local r1
	ns_add r1
	ns_add c2
	r1=$(ns_name r1)
	plug r1 eth0 lan "$NET_LAN.201/24"
	ip -n "$r1" link add eth1 type veth peer name eth0 netns "$(ns_name c2)"
	ip -n "$r1" addr add "$NET_HOME.1/24" dev eth1
	ip -n "$r1" link set eth1 up
	ip -n "$(ns_name c2)" addr add "$NET_HOME.2/24" dev eth0
	ip -n "$(ns_name c2)" link set eth0 up
	ip -n "$(ns_name c2)" route add default via "$NET_HOME.1"
	ns_run r1 nft -f - <<-'EOR' || die "cannot load the NAT rules of r1"
		table ip nat {
			chain forward {
				type filter hook forward priority filter; policy drop;
				ct state invalid drop
				ct state established,related accept
				iifname "eth1" ct state new accept
			}
			chain postrouting {
				type nat hook postrouting priority srcnat; policy accept;
				oifname "eth0" masquerade
			}
		}
	EOR
	ns_run r1 sysctl -qw net.ipv4.ip_forward=1 net.netfilter.nf_conntrack_tcp_loose=0 \
		net.netfilter.nf_conntrack_tcp_be_liberal=0 || die "cannot make r1 strict"
}

net_up() { # number of nodes
	local i
	net_switch
	for i in $(seq "$1"); do
		net_node "$i"
	done
	net_lan_client c1 101
	net_nat_client
	net_lan_client c3 103
	net_lan_client c4 104
	ns_add h1
	plug h1 eth0 inside "$HOST_INSIDE/24"
	ip -n "$(ns_name h1)" route add "$POOL" via "$SERVICE_INSIDE"
}

# All four cables of a node.
net_links() { # node up|down
	local p
	for p in ring0 ring1 eth0 eth1; do
		printf 'link set %s-%s %s\n' "$1" "$p" "$2"
	done | ip -n "$SW" -batch -
}

# The node is cut off from the other nodes, on every network, but not from its clients.
ring_cut() { # node
	ns_run "$1" nft -f - <<-'EOR'
		table inet lab {
			chain in {
				type filter hook input priority -400; policy accept;
				udp dport 5405-5407 drop
			}
			chain out {
				type filter hook output priority -400; policy accept;
				udp dport 5405-5407 drop
			}
		}
	EOR
}

# Kill whatever lives in the lab's namespaces, then remove them.
net_down() {
	local ns pids
	for ns in $(ip netns list | awk -v p="$PREFIX-" 'index($1, p) == 1 { print $1 }'); do
		case ${ns#"$PREFIX-"} in
		sw | r1 | h1 | n[0-9] | c[0-9]) ;;
		*) continue ;;
		esac
		pids=$(ip netns pids "$ns" 2>/dev/null)
		# shellcheck disable=SC2086
		[ -z "$pids" ] || kill -KILL $pids 2>/dev/null
		ip netns del "$ns"
	done
}
