# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# login-logout-leak: the sanitizer build under logins and logouts. configs: the example files.

LEAK_LOGINS=1000

asan_build() (
	cd "$ROOT" || exit 1
	[ -f build/asan/build.ninja ] || cmake --preset asan || exit 1
	cmake --build build/asan --target tandemd tandemctl tandem-load cpg-watch
)

use_asan_build() {
	BUILD=$BUILD_ASAN
	if [ -z "${TANDEM_BUILD_ASAN:-}" ]; then
		say "bringing build/asan up to date"
		asan_build >"$ROOT/build/asan-build.log" 2>&1 ||
			die "the asan build failed; see $ROOT/build/asan-build.log"
	fi
	find_bin
	export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 UBSAN_OPTIONS=print_stacktrace=1
}

# All logins done, or a daemon that has ended.
leak_over() {
	! pid_load "$D/login.pid" >/dev/null || [ -s "$D/n1/tandemd.rc" ] || [ -s "$D/n2/tandemd.rc" ]
}

drill_login_logout_leak() {
	local n ok why='' rc node
	BUILD=$BUILD_ASAN
	find_bin
	lab_owner >/dev/null || die "no owner"
	log_mark
	load_start "$D/login" login --logout --count "$LEAK_LOGINS" --concurrency 4
	wait_for 180 leak_over || why="not through after 180 s"
	pid_stop "$(pid_load "$D/login.pid")" 5
	ok=$(jq -r '.logged_in // 0' "$D/login.json" 2>/dev/null)
	[ "${ok:-0}" = "$LEAK_LOGINS" ] ||
		why="${why:+$why; }${ok:-0} of $LEAK_LOGINS logins: $(tail -n 1 "$D/login.log")"
	n=$(logins load)
	node_stop_all
	for node in $(lab_nodes); do
		wait_for 10 test -s "$D/$node/tandemd.rc"
		rc=$(cat "$D/$node/tandemd.rc" 2>/dev/null)
		[ "$rc" = 0 ] || why="${why:+$why; }tandemd of $node ended with ${rc:-nothing}"
		if grep -qE 'ERROR: [A-Za-z]*Sanitizer|runtime error:' "$D/$node/tandemd.log"; then
			why="${why:+$why; }$node: $(grep -m1 -E 'SUMMARY|runtime error:' "$D/$node/tandemd.log")"
		fi
	done
	result load false false "$n" 0 "" "" "$why"
	node_start n1
	wait_for 20 node_is_owner n1 || die "n1 did not come back"
	node_start n2
	nodes_wait_ready 40 || die "the nodes did not come back"
}

# The example files as they are, apart from paths: taken by the programs they are written for.
drill_configs() {
	local dir why='' f out
	for dir in single pair pair-qdevice cluster; do
		f=$ROOT/ha-configs/$dir
		sed -e "s|/etc/tandem/|$D/etc/|g" -e "s|/var/lib/tandem|$D/n1/lib|" \
			"$f/tandem.yaml" >"$D/check.yaml"
		out=$(ns_run n1 "$BIN/tandemd" --check-config "$D/check.yaml" 2>&1) ||
			why="${why:+$why; }$dir/tandem.yaml: $out"
		[ -e "$f/corosync.conf" ] || continue
		sed -e "s|/etc/corosync/authkey|$D/authkey|" -e "s|/var/log/corosync/|$D/|" \
			"$f/corosync.conf" >"$D/check.conf"
		ns_run n1 corosync -t -c "$D/check.conf" >/dev/null 2>&1 ||
			why="${why:+$why; }$dir/corosync.conf: $(tail -n 2 "$D/corosync.log" | head -n 1)"
	done
	out=$(ns_run c1 nft -c -f "$ROOT/ha-configs/nftables/tandem.nft" 2>&1) ||
		why="${why:+$why; }tandem.nft: $out"
	# what the file shows is what the daemon makes of the pair's configuration
	sed -e "s|/etc/tandem/|$D/etc/|g" "$ROOT/ha-configs/pair/tandem.yaml" >"$D/check.yaml"
	"$BIN/tandemd" --print-nft "$D/check.yaml" | diff -w \
		<(sed '1,/^$/d' "$ROOT/ha-configs/nftables/tandem.nft") - >"$D/nft.diff" ||
		why="${why:+$why; }tandem.nft differs from tandemd --print-nft: $(grep -m1 '^[<>]' "$D/nft.diff")"
	result files false false "" "" "" "" "$why"
}
