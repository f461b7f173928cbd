# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# Corosync instances: one per node, each from the example file in ha-configs/.

lab_nodes() {
	local n
	{ read -r n <"$D/nodes"; } 2>/dev/null || n=0
	seq "$n" | sed 's/^/n/'
}

node_count() {
	lab_nodes | wc -l
}

clustered() {
	[ "$(node_count)" -gt 1 ]
}

# Which of the example directories describes this lab.
config_dir() {
	case $(node_count) in
	1) echo "$ROOT/ha-configs/single" ;;
	2) echo "$ROOT/ha-configs/pair" ;;
	*) echo "$ROOT/ha-configs/cluster" ;;
	esac
}

# More nodes than the example has: repeat its third node with other numbers.
corosync_more_nodes() { # count
	awk -v want="$1" '
		/^nodelist/ { inlist = 1 }
		inlist && /^\tnode \{/ { block = ""; inblock = 1 }
		inblock { block = block $0 "\n" }
		inblock && /^\t\}/ { inblock = 0 }
		inlist && /^\}/ {
			inlist = 0
			for (i = 4; i <= want; i++) {
				b = block
				gsub(/nodeid: 3/, "nodeid: " i, b)
				gsub(/name: n3/, "name: n" i, b)
				b = gensub_tail(b, i)
				printf "%s", b
			}
		}
		{ print }
		function gensub_tail(text, i,   n, lines, k, out) {
			n = split(text, lines, "\n")
			for (k = 1; k < n; k++) {
				if (lines[k] ~ /_addr:/)
					sub(/\.3$/, "." i, lines[k])
				out = out lines[k] "\n"
			}
			return out
		}'
}

# The example with the lab's paths; the fast profile also shortens the timers.
corosync_render() { # node
	local dir=$D/$1 rr=yes timers=()
	chrt -r 1 true 2>/dev/null || rr=no
	if [ "$(cat "$D/profile")" = fast ]; then
		timers=(-e 's/^(\ttoken:).*/\1 300/')
		if [ "$(node_count)" -gt 2 ]; then
			timers+=(-e 's/^(\tconsensus:).*/\1 360/')
		else
			timers+=(-e 's/^(\tconsensus:).*/\1 80/')
		fi
	fi
	sed -E "${timers[@]}" \
		-e "s|^(\tkeyfile:).*|\1 $D/authkey|" \
		-e "s|^(\tlogfile:).*|\1 $dir/corosync.log|" \
		-e 's|^(\tto_syslog:).*|\1 no|' \
		-e "s|^(\tstate_dir:).*|\1 $dir/state|" \
		-e "s|^(\tsched_rr:).*|\1 $rr|" \
		-e 's|^(\tmove_to_root_cgroup:).*|\1 no|' \
		"$(config_dir)/corosync.conf" | corosync_more_nodes "$(node_count)"
}

corosync_configure() { # node
	local etc=$D/$1/etc/corosync
	if [ ! -s "$D/authkey" ]; then
		head -c 256 /dev/urandom >"$D/authkey"
		chmod 400 "$D/authkey"
	fi
	corosync_render "$1" >"$etc/corosync.conf"
	# there is no user "tandem" on the machine that runs the lab
	sed 's/: tandem$/: root/' "$ROOT/ha-configs/corosync/uidgid" >"$etc/uidgid.d/tandem"
	ns_run "$1" corosync -t -c /etc/corosync/corosync.conf >/dev/null 2>&1 || {
		tail -n 3 "$D/$1/corosync.log" >&2
		die "corosync does not take the configuration made from $(config_dir)/corosync.conf"
	}
}

corosync_pid() { # node
	pid_load "$D/$1/corosync.pid"
}

corosync_start() { # node
	local dir=$D/$1 pid
	# a killed one needs a moment to go away, and its lock goes with it
	pid=$(cut -d' ' -f1 "$dir/corosync.pid" 2>/dev/null)
	wait_for 5 pid_gone "$pid" || die "corosync of $1 already runs (pid $pid)"
	shm_sweep "$pid"
	rm -f "$dir/corosync.started"
	# shellcheck disable=SC2016
	ns_run "$1" true && detach nsenter -t "$(pid_load "$dir/holder.pid")" -m -u -n -- sh -c '
		echo $$ >"$1/corosync.started"
		exec corosync -f -c /etc/corosync/corosync.conf' sh "$dir" >>"$dir/corosync.stderr" 2>&1
	wait_for 5 test -s "$dir/corosync.started" || die "corosync of $1 did not start"
	pid=$(cat "$dir/corosync.started")
	pid_save "$dir/corosync.pid" "$pid" || {
		tail -n 5 "$dir/corosync.stderr" "$dir/corosync.log" >&2
		die "corosync of $1 ended at once"
	}
	echo "$pid" >>"$D/corosync.pids"
}

# The number of nodes this node's corosync sees.
corosync_sees() { # node count
	[ "$(ns_run "$1" corosync-quorumtool -l 2>/dev/null | grep -c '^ *[0-9][0-9]* ')" = "$2" ]
}

# No link from one node to another is up.
corosync_lost_links() { # node other
	! ns_run "$1" corosync-cfgtool -s 2>/dev/null |
		grep -qE "nodeid: *${2#n}:[[:space:]]*connected"
}

corosync_wait() { # count seconds node...
	local want=$1 secs=$2 n
	shift 2
	for n in "$@"; do
		wait_for "$secs" corosync_sees "$n" "$want" || {
			tail -n 20 "$D/$n/corosync.log" >&2
			die "corosync of $n does not see $want nodes after $secs s"
		}
	done
}

corosync_stop_all() {
	local n jobs=()
	for n in $(lab_nodes); do
		pid_stop "$(corosync_pid "$n")" 3 &
		jobs+=($!)
	done
	[ ${#jobs[@]} = 0 ] || wait "${jobs[@]}"
}

# A killed corosync leaves its shared memory behind (8 MiB each). Names carry its pid.
shm_sweep() { # pid...
	local p
	for p in "$@"; do
		[ -z "$p" ] || rm -rf "/dev/shm/qb-$p-"* "/dev/shm/qb-"*"-$p-blackbox"*
	done
}
