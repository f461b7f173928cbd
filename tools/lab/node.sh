# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# The gateways: configuration, start, the ways to die, status.

LAB_USERS="busy idle nat nodtls load"
LAB_PASSWORD=correct-horse

tandemd_pid() { # node: the daemon itself
	pid_file_pid "$D/$1/run/tandem/tandemd.pid"
}

guardian_pid() { # node: its parent
	pid_file_pid "$D/$1/run/tandem/guardian.pid"
}

pid_file_pid() { # file written by a daemon: a bare pid
	local pid
	{ read -r pid <"$1"; } 2>/dev/null && pid_alive "$pid" && printf '%s\n' "$pid"
}

# What all nodes share: cluster key, certificate, users. A real client pins the key.
secrets_make() {
	local d=$D/etc
	mkdir -p "$d"
	head -c 32 /dev/urandom >"$d/cluster.key"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 \
		-subj "/CN=vpn.corp.example" \
		-addext "subjectAltName=DNS:vpn.corp.example,IP:$SERVICE_ADDR" \
		-keyout "$d/server.key" -out "$d/server.crt" 2>/dev/null ||
		die "cannot make a certificate with openssl"
	openssl x509 -in "$d/server.crt" -pubkey -noout | openssl pkey -pubin -outform der |
		openssl dgst -sha256 -binary | openssl base64 >"$d/server.pin"
	printf '%s\n' "$LAB_PASSWORD" >"$d/password"
	users_make >"$d/users"
	chmod 600 "$d"/*
}

# The load user's hash is the cheapest that yescrypt has: a login storm is to load the session
# table and not the password check.
users_make() {
	local u
	for u in $LAB_USERS; do
		if [ "$u" = load ]; then
			perl -e 'print "load:", crypt($ARGV[0], q($y$j75$tandemla$)), "\n"' "$LAB_PASSWORD"
		else
			"$BIN/tandemctl" passwd "$u" <"$D/etc/password"
		fi || die "cannot make the password line of user $u"
	done
}

# The example with this node's name and the lab's paths.
tandemd_configure() { # node
	local etc=$D/$1/etc/tandem list
	list=$(lab_nodes | tr '\n' ',' | sed 's/,$//; s/,/, /g')
	sed -E -e "s/^node: n1\b/node: $1/" \
		-e "s/^(    nodes:) \[[^]]*\]/\1 [$list]/" \
		-e "s|/etc/tandem/|$D/etc/|g" \
		-e "s|/var/lib/tandem|$D/$1/lib|" \
		"$(config_dir)/tandem.yaml" >"$etc/tandem.yaml"
	ns_run "$1" "$BIN/tandemd" --check-config "$etc/tandem.yaml" >/dev/null ||
		die "tandemd does not take the configuration made from $(config_dir)/tandem.yaml"
}

tandemd_start() { # node
	local dir=$D/$1
	wait_for 5 pid_gone "$(tandemd_pid "$1")" || die "tandemd of $1 already runs"
	wait_for 5 pid_gone "$(guardian_pid "$1")" || die "the guardian of $1 still runs"
	rm -f "$dir/tandemd.rc"
	# shellcheck disable=SC2016
	detach nsenter -t "$(pid_load "$dir/holder.pid")" -m -u -n -- sh -c '
		"$1" --config "$2"
		echo $? >"$3"' sh "$BIN/tandemd" "$dir/etc/tandem/tandem.yaml" "$dir/tandemd.rc" \
		>>"$dir/tandemd.log" 2>&1
}

# Ask a node's daemon; an empty object when it does not answer.
node_status() { # node
	ns_run "$1" timeout 2 "$BIN/tandemctl" status --json 2>/dev/null || printf '{}\n'
}

# Role of a node for the first member: owner, standby, ... or "down".
node_role() { # node
	node_status "$1" | jq -r '.members[0].role // "down"'
}

node_is_owner() { # node
	[ "$(node_role "$1")" = owner ]
}

node_is_ready() { # node: it has the table and a role, and sees the same of all others
	node_status "$1" | jq -e '.synced == true and
		(.members[0].role | . == "owner" or . == "standby") and
		([.nodes[] | select(.configured)] | all(.present and .synced))' >/dev/null
}

nodes_ready() {
	local n
	for n in $(lab_nodes); do
		node_is_ready "$n" || return 1
	done
	lab_owner >/dev/null
}

# The node that serves. More than one is an error of the thing under test.
lab_owner() {
	local n found=
	for n in $(lab_nodes); do
		if node_is_owner "$n"; then
			[ -z "$found" ] || return 1
			found=$n
		fi
	done
	[ -n "$found" ] && printf '%s\n' "$found"
}

nodes_wait_ready() { # seconds
	local n
	wait_for "$1" nodes_ready && return 0
	for n in $(lab_nodes); do
		say "-- $n: $(node_status "$n" | head -c 600)"
		tail -n 10 "$D/$n/tandemd.log" >&2
	done
	return 1
}

node_check() { # node
	case " $(lab_nodes | tr '\n' ' ') " in
	*" $1 "*) ;;
	*) die "no node '$1' here (nodes: $(lab_nodes | tr '\n' ' '))" ;;
	esac
}

# SIGKILL. KILL_US is the moment just before; everything slow is done ahead of it.
node_kill() { # node daemon|corosync|node
	local n=$1 pids watch
	node_check "$n"
	watch=$(pid_load "$D/$n/watch.pid")
	case $2 in
	daemon) pids=$(tandemd_pid "$n") ;;
	corosync) pids=$(corosync_pid "$n") ;;
	node) pids="$(corosync_pid "$n") $(tandemd_pid "$n") $(guardian_pid "$n")" ;;
	*) die "kill what? daemon, corosync or node, not '$2'" ;;
	esac
	[ -n "${pids// /}" ] || die "nothing to kill: no $2 runs on $n"
	KILL_US=${EPOCHREALTIME/./}
	[ "$2" != node ] || net_links "$n" down
	# a drill's watcher dies with the daemon: its group shows what Corosync tells and when
	# shellcheck disable=SC2086
	kill -KILL $pids $watch 2>/dev/null
	[ "$2" != node ] || node_power_off "$n"
}

# What a power cut takes along: addresses, rules, /run.
node_power_off() { # node
	local p
	for p in $(corosync_pid "$1") $(tandemd_pid "$1") $(guardian_pid "$1"); do
		wait_for 5 pid_gone "$p"
	done
	ns_run "$1" nft flush ruleset
	ns_run "$1" ip addr del "$SERVICE_ADDR/24" dev eth0 2>/dev/null
	ns_run "$1" ip addr del "$SERVICE_INSIDE/24" dev eth1 2>/dev/null
	ns_run "$1" ip route del "$POOL" 2>/dev/null
	rm -rf "$D/$1/run/tandem"
	mkdir "$D/$1/run/tandem"
	: >"$D/$1/off"
	[ ! -s "$D/$1/corosync.pid" ] || shm_sweep "$(cut -d' ' -f1 "$D/$1/corosync.pid")"
}

# A machine that lost its power is away for longer than knet takes to notice. When it is back too
# soon, knet calls the new links dead on account of the old silence, and the ring breaks once more.
node_stay_off() { # node
	local n
	[ -e "$D/$1/off" ] || return 0
	for n in $(lab_nodes); do
		[ "$n" = "$1" ] || ! corosync_pid "$n" >/dev/null ||
			wait_for 10 corosync_lost_links "$n" "$1" ||
			say "corosync of $n still calls its links to $1 up"
	done
	rm -f "$D/$1/off"
}

node_start() { # node
	node_check "$1"
	node_stay_off "$1"
	net_links "$1" up
	if clustered && ! corosync_pid "$1" >/dev/null; then
		corosync_start "$1"
	fi
	tandemd_pid "$1" >/dev/null || tandemd_start "$1"
}

# SIGSTOP and SIGCONT for everything of a node: to the others it looks hung, not dead.
node_signal_all() { # node signal
	local pids
	node_check "$1"
	pids="$(guardian_pid "$1") $(tandemd_pid "$1") $(corosync_pid "$1")"
	[ -n "${pids// /}" ] || die "nothing runs on $1"
	KILL_US=${EPOCHREALTIME/./}
	# shellcheck disable=SC2086
	kill "-$2" $pids
}

node_stop_all() {
	local n jobs=()
	for n in $(lab_nodes); do
		{
			pid_stop "$(guardian_pid "$n")" 5
			pid_stop "$(tandemd_pid "$n")" 5
		} &
		jobs+=($!)
	done
	[ ${#jobs[@]} = 0 ] || wait "${jobs[@]}"
}
