# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# A lab as a whole: up, down, what it tells about itself.

lab_up() { # nodes profile
	case $1 in
	[1-8]) ;;
	*) die "up: 1 to 8 nodes, not '$1'" ;;
	esac
	case $2 in
	fast | prod) ;;
	*) die "up: profile fast or prod, not '$2'" ;;
	esac
	mkdir -p "${D%/*}"
	# mkdir decides who has the name
	mkdir "$D" 2>/dev/null || die "lab '$PREFIX' is already there ($D):" \
		"tandem-lab --prefix $PREFIX down, or choose another --prefix"
	chmod 755 "$D"
	printf '%s\n' "$1" >"$D/nodes"
	printf '%s\n' "$2" >"$D/profile"
	# in a subshell, so that whatever ends it, the pieces are taken away
	if (lab_build "$1"); then
		say "lab '$PREFIX' is up: $1 node(s), owner $(lab_owner)"
		return 0
	fi
	lab_save_logs up
	[ -n "${TANDEM_LAB_KEEP:-}" ] || lab_down
	die "lab '$PREFIX' did not come up"
}

lab_build() { # nodes
	local n rest
	net_up "$1"
	secrets_make
	for n in $(lab_nodes); do
		tandemd_configure "$n"
	done
	if clustered; then
		for n in $(lab_nodes); do
			corosync_configure "$n"
			corosync_start "$n"
		done
		# shellcheck disable=SC2046
		corosync_wait "$1" 30 $(lab_nodes)
	fi
	# n1 first, so that it is the owner and the story is the same every time
	tandemd_start n1
	wait_for 20 node_is_owner n1 || {
		tail -n 20 "$D/n1/tandemd.log" >&2
		die "n1 did not become owner"
	}
	rest=$(lab_nodes | tail -n +2)
	for n in $rest; do
		tandemd_start "$n"
	done
	nodes_wait_ready 30 || die "not all nodes are in sync"
}

# Also for a lab that is only half there.
lab_down() {
	local left=
	clients_stop_all
	node_stop_all
	corosync_stop_all
	net_down
	if [ -s "$D/corosync.pids" ]; then
		# shellcheck disable=SC2046
		shm_sweep $(cat "$D/corosync.pids")
	fi
	rm -rf "${D:?}"
	rmdir "${D%/*}" 2>/dev/null
	left=$(ip netns list | awk -v p="$PREFIX-" 'index($1, p) == 1 { print $1 }')
	[ -z "$left" ] || say "still there: $left"
	return 0
}

lab_names() {
	ip netns list | awk -v p="$PREFIX-" 'index($1, p) == 1 { print substr($1, length(p) + 1) }' |
		sort | tr '\n' ' ' | sed 's/ $//'
}

lab_status() {
	local n
	for n in $(lab_nodes); do
		echo "== $n: daemon $(tandemd_pid "$n" || echo down)," \
			"corosync $(corosync_pid "$n" || echo down)"
		ns_run "$n" "$BIN/tandemctl" status || :
	done
}

lab_logs() { # name
	case ${1:-} in
	n[1-8])
		node_check "$1"
		ls "$D/$1/tandemd.log" "$D/$1/corosync.log" 2>/dev/null
		cat "$D/$1/tandemd.log"
		;;
	load) cat "$(client_dir load)/hold.log" ;;
	*) cat "$(client_dir "$(client_profile "${1:-}")")/log" ;;
	esac
}

# For scripts: eval "$(tandem-lab env)".
lab_env() {
	local n
	printf 'TANDEM_LAB_PREFIX=%q\n' "$PREFIX"
	printf 'TANDEM_LAB_STATE=%q\n' "$D"
	printf 'TANDEM_LAB_PROFILE=%q\n' "$(cat "$D/profile")"
	printf 'TANDEM_LAB_NODES=%q\n' "$(lab_nodes | tr '\n' ' ' | sed 's/ $//')"
	printf 'TANDEM_BUILD=%q\n' "$BUILD"
	for n in $(lab_names); do
		printf 'NS_%s=%q\n' "${n^^}" "$(ns_name "$n")"
	done
	for n in $(lab_nodes); do
		printf '%s_OUTSIDE=%s\n' "${n^^}" "$NET_LAN.${n#n}"
		printf '%s_INSIDE=%s\n' "${n^^}" "$NET_INSIDE.${n#n}"
		printf '%s_DIR=%q\n' "${n^^}" "$D/$n"
		printf '%s_SOCKET=%q\n' "${n^^}" "$D/$n/run/tandem/control.sock"
		printf '%s_LOG=%q\n' "${n^^}" "$D/$n/tandemd.log"
	done
	printf 'SERVICE_OUTSIDE=%s\n' "$SERVICE_ADDR"
	printf 'SERVICE_PORT=%s\n' "$SERVICE_PORT"
	printf 'SERVICE_INSIDE=%s\n' "$SERVICE_INSIDE"
	printf 'HOST_INSIDE=%s\n' "$HOST_INSIDE"
	printf 'POOL=%s\n' "$POOL"
	printf 'LAB_USERS=%q\n' "$LAB_USERS"
	printf 'LAB_PASSWORD_FILE=%q\n' "$D/etc/password"
	printf 'LAB_CERTIFICATE=%q\n' "$D/etc/server.crt"
}

# What is worth reading after a failure survives the lab, in the build directory.
lab_save_logs() { # what
	local to=$ROOT/build/lab-logs/$1 f
	rm -rf "$to"
	mkdir -p "$to"
	for f in "$D"/n*/*.log "$D"/n*/corosync.stderr "$D"/n*/watch "$D"/client-*/* "$D"/capture*; do
		[ -s "$f" ] || continue
		cp "$f" "$to/$(printf '%s' "${f#"$D"/}" | tr / -)"
	done
	rm -f "$to"/*tokens* "$to"/*.pid "$to"/*-started
	say "logs are in $to"
}
