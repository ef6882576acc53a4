#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# All tests: installs what is missing, builds, and runs. Ends with one line of counts; exit status 0
# only if nothing failed.
#
#   sudo ./tests/run.sh [SUITE...] [options] [-- pytest options]
set -uo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root" || exit 2
# A Python of the user's own may be first in PATH; Debian's has pytest and scapy.
python=/usr/bin/python3
folder=$root/build
# The unit tests run sanitized here, and those that use DPDK as they are on Debian 13.
all_suites=(sanitize dts smoke fuzz format debian13 mlx5sim)
suites=()
fuzz_seconds=5
hostile=20000
# As the tests have them; in the endurance suite a million mutated ESP packets.
mutated_esp=
differential=
pytest_options=()

usage() {
    cat <<END
$(sed -n '3,6s/^# \{0,1\}//p' "${BASH_SOURCE[0]}")

suites (default: ${all_suites[*]}):
  unit       unit tests, built with g++ (not in the default)
  sanitize   unit tests, built with clang, AddressSanitizer and UndefinedBehaviorSanitizer
  dts        end-to-end suites against the sanitized process
  smoke      one of the end-to-end suites against the plain process
  fuzz       fuzz targets with their corpora, for a few seconds each
  format     clang-format
  debian13   unit tests that use DPDK, on Debian 13 with DPDK 24.11, where its root can be made
  mlx5sim    end-to-end suites under the real mlx5 driver on a simulated card, in the same root
  tidy       clang-tidy (not in the default)
  bench      the benchmark (not in the default)
  endurance  sanitized and for a long time (not in the default): a million mutated ESP packets, a
             thousand failovers, a link that flaps for a minute, and a minute of rekeys

options:
  --fuzz-seconds N      seconds for each fuzz target (default $fuzz_seconds)
  --hostile-packets N   mutated packets of each kind in the end-to-end suites (default $hostile)
  --mutated-esp N       mutated ESP packets in the unit tests (default 20000; endurance: 1000000)
  --differential-frames N
                        random frames that the hardware path is held against the software path
                        with, in the unit tests (default 320000); no test has a time limit then
END
}

while [ $# -gt 0 ]; do
    case $1 in
    -h | --help)
        usage
        exit 0
        ;;
    --fuzz-seconds)
        fuzz_seconds=${2:?--fuzz-seconds needs a number}
        shift
        ;;
    --hostile-packets)
        hostile=${2:?--hostile-packets needs a number}
        shift
        ;;
    --mutated-esp)
        mutated_esp=${2:?--mutated-esp needs a number}
        shift
        ;;
    --differential-frames)
        differential=${2:?--differential-frames needs a number}
        shift
        ;;
    --)
        shift
        pytest_options=("$@")
        break
        ;;
    unit | sanitize | dts | smoke | fuzz | format | debian13 | mlx5sim | tidy | bench | endurance)
        suites+=("$1")
        ;;
    *)
        echo "run.sh: unknown argument '$1'" >&2
        usage >&2
        exit 2
        ;;
    esac
    shift
done
[ ${#suites[@]} -gt 0 ] || suites=("${all_suites[@]}")

passed=0
failed=0
skipped=0
failures=()
skips=()
again=()

heading() { printf '\n=== %s (%s)\n' "$1" "$(date +%H:%M:%S)"; }

fail() {
    failed=$((failed + 1))
    failures+=("$1")
    echo "FAILED: $1"
}

skip() {
    skipped=$((skipped + 1))
    skips+=("$1")
    echo "skipped: $1"
}

# build FOLDER [meson options]: says only what went wrong.
build() {
    local log
    log=$(mktemp)
    heading "building $(basename "$1")"
    if "$root/dts/setup.sh" build "$@" >"$log" 2>&1; then
        rm -f "$log"
        return 0
    fi
    tail -n 60 "$log"
    rm -f "$log"
    fail "building $(basename "$1")"
    return 1
}

# Without debug information, which takes a quarter of the time; the sanitized build has it.
# plain_build [-- TARGET...]
plain_build() { build "$folder" -Ddebug=false -Doptimization=1 "$@"; }

# With the fuzz targets, and by clang: it takes half of g++'s time for this.
sanitized_build() {
    CXX=clang++ build "$folder-sanitize" -Dfuzz=true -Db_lundef=false -Doptimization=1 \
        -Ddebug=false -Dcpp_args=-g1
}

# add_junit NAME STATUS FILE: adds up the counts of a JUnit report.
add_junit() {
    local counts
    if ! counts=$("$python" - "$3" <<'END'
import sys
import xml.etree.ElementTree as tree

totals = dict.fromkeys(("tests", "failures", "errors", "skipped"), 0)
reasons = {}
for suite in tree.parse(sys.argv[1]).iter("testsuite"):
    for key in totals:
        totals[key] += int(suite.get(key) or 0)
for case in tree.parse(sys.argv[1]).iter("testcase"):
    skip = case.find("skipped")
    if skip is not None:
        reason = skip.get("message") or "disabled"
        reasons[reason] = reasons.get(reason, 0) + 1
bad = totals["failures"] + totals["errors"]
print(totals["tests"] - bad - totals["skipped"], bad, totals["skipped"])
for reason, count in reasons.items():
    print(f"{count} x {reason}")
END
    ); then
        fail "$1: no report"
        return
    fi
    local good bad left
    read -r good bad left <<<"$(head -n 1 <<<"$counts")"
    passed=$((passed + good))
    failed=$((failed + bad))
    skipped=$((skipped + left))
    if [ "$bad" -gt 0 ]; then
        failures+=("$1: $bad")
    elif [ "$2" -ne 0 ]; then
        fail "$1: exit status $2"
    fi
    local reason
    while read -r reason; do
        [ -z "$reason" ] || skips+=("$1: $reason")
    done < <(tail -n +2 <<<"$counts")
}

# unit_tests NAME FOLDER
unit_tests() {
    heading "unit tests: $1"
    # Every unit test starts DPDK in its own way or not at all; one after the other is gentler on a
    # small machine than all at once.
    rm -f "$2/meson-logs/testlog.junit.xml"
    local limits=()
    if [ -n "$differential" ]; then
        # Sixteen seeds share them.
        local -x SALLYPORT_DIFFERENTIAL_FRAMES=$(((differential + 15) / 16))
        limits=(--timeout-multiplier 0)
    fi
    meson test -C "$2" --no-rebuild --no-suite fuzz --print-errorlogs --num-processes 2 \
        ${limits[@]+"${limits[@]}"}
    local status=$?
    add_junit "unit tests ($1)" $status "$2/meson-logs/testlog.junit.xml"
}

# end_to_end NAME FOLDER [pytest options]
end_to_end() {
    local name=$1 build=$2 report told line
    shift 2
    heading "end-to-end suites: $name"
    report=$(mktemp)
    told=$(mktemp)
    (
        cd "$root/dts" &&
            DTS_BUILD=$build PYTHONDONTWRITEBYTECODE=1 "$python" -m pytest --junitxml="$report" \
                --reruns 1 -r fEsR --hostile-packets "$hostile" "$@" \
                ${pytest_options[@]+"${pytest_options[@]}"}
    ) | tee "$told"
    local status=${PIPESTATUS[0]}
    # Traffic on a busy machine: one more try, which is told of.
    while read -r line; do again+=("$name: ${line#RERUN }"); done < <(grep '^RERUN ' "$told")
    rm -f "$told"
    # 5: nothing of what was chosen bears the mark.
    [ $status -eq 5 ] || add_junit "end-to-end ($name)" $status "$report"
    rm -f "$report"
}

run_unit() { plain_build && unit_tests plain "$folder"; }

# The process and the tests must give back all they took; what DPDK itself keeps until the end of
# the process is listed with its reasons.
export ASAN_OPTIONS=abort_on_error=1:detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
export LSAN_OPTIONS=suppressions=$root/tests/lsan.supp:print_suppressions=0

[ -z "$mutated_esp" ] || export SALLYPORT_MUTATED_ESP=$mutated_esp

run_sanitize() { sanitized_build && unit_tests sanitized "$folder-sanitize"; }

run_dts() {
    sanitized_build || return
    local -x DTS_TIME_SCALE=3
    # Much of it is waiting: three fill two cores.
    end_to_end "sanitized, three at a time" "$folder-sanitize" -m "not alone" --numprocesses 3 \
        --dist loadscope
    end_to_end "sanitized, one at a time" "$folder-sanitize" -m alone
}

run_smoke() {
    plain_build -- app/sallyport app/sallyport-shell &&
        end_to_end plain "$folder" tests/TestSuite_two_hypervisors.py
}

run_fuzz() {
    local build=$folder-sanitize
    if ! sanitized_build; then return; fi
    heading "fuzz targets, $fuzz_seconds seconds each"
    meson configure "$build" -Dfuzz_seconds="$fuzz_seconds"
    rm -f "$build/meson-logs/testlog.junit.xml"
    # Builds the targets and nothing else.
    meson test -C "$build" --suite fuzz --print-errorlogs --num-processes 2
    local status=$?
    add_junit "fuzz targets" $status "$build/meson-logs/testlog.junit.xml"
}

run_format() {
    heading "clang-format"
    local sources
    mapfile -t sources < <(git ls-files '*.cpp' '*.h')
    if clang-format --dry-run -Werror "${sources[@]}"; then
        passed=$((passed + 1))
    else
        fail "clang-format: see above; clang-format -i mends it"
    fi
}

# Its packages come and are unpacked while others compile; who needs it says why where it is missing.
root_maker=
make_debian13_root() {
    "$root/dts/setup.sh" packages debian13
    "$root/tests/debian13_root.sh" make "$folder-debian13" >/dev/null 2>&1 &
    root_maker=$!
}
await_debian13_root() { [ -z "$root_maker" ] || wait "$root_maker"; }

run_debian13() {
    heading "Debian 13"
    local build=$folder-debian13
    await_debian13_root
    debian13_suite "$build" unit "unit tests (Debian 13)" "$build/report.xml"
    debian13_suite "$build" mlx5sim "mlx5 driver on a simulated card" "$build/mlx5sim.xml"
}

# debian13_suite FOLDER SUITE NAME REPORT
debian13_suite() {
    local status=0 log
    log=$(mktemp)
    rm -f "$4"
    "$root/tests/debian13.sh" "$1" "$2" >"$log" 2>&1 || status=$?
    if [ $status -eq 3 ]; then
        skip "$3: $(tail -n 1 "$log")"
    else
        [ $status -eq 0 ] || tail -n 60 "$log"
        add_junit "$3" $status "$4"
    fi
    rm -f "$log"
}

run_mlx5sim() {
    heading "building for the simulated card"
    local status=0 log
    local -x DTS_BUILD=$folder-sanitize DTS_DEBIAN13=$folder-debian13 DTS_TIME_SCALE=3
    # As tests/debian13.sh has it.
    local -x DTS_DEBIAN13_BUILD=build-sanitize DEBIAN13_BUILD=build-sanitize
    local -x DEBIAN13_OPTIONS="-Db_sanitize=address,undefined -Db_lundef=false -Doptimization=1
        -Dcpp_args=-Wno-maybe-uninitialized"
    await_debian13_root
    log=$(mktemp)
    "$root/tests/debian13_root.sh" build "$DTS_DEBIAN13" app/sallyport app/sallyport-shell \
        dts/tools/packet_mutator tests/mlx5sim/mlx5sim.so >"$log" 2>&1 || status=$?
    if [ $status -eq 3 ]; then
        skip "end-to-end (simulated card): $(tail -n 1 "$log")"
    elif [ $status -ne 0 ]; then
        tail -n 60 "$log"
        fail "building for the simulated card"
    else
        # Less of what is repeated than without a card, and slower: a NIC's receive queues are short.
        local less=(--nic mlx5sim --hostile-packets 2000 --hostile-rate 2000 --failovers 20
            --flap-seconds 4 --rekeys 3)
        end_to_end "simulated card, three at a time" "$DTS_BUILD" "${less[@]}" -m "not alone" \
            --numprocesses 3 --dist loadscope
        end_to_end "simulated card, one at a time" "$DTS_BUILD" "${less[@]}" -m alone
    fi
    rm -f "$log"
}

run_endurance() {
    sanitized_build || return
    heading "mutated ESP packets"
    local report
    report=$(mktemp)
    SALLYPORT_MUTATED_ESP=${mutated_esp:-1000000} "$folder-sanitize/tests/unit/datapath/datapath_test" \
        --gtest_filter='*MutatedEsp*' --gtest_output="xml:$report" --gtest_brief=1
    add_junit "mutated ESP" $? "$report"
    rm -f "$report"
    if [ "$(id -u)" -ne 0 ]; then
        skip "failovers and rekeys: network namespaces need root"
        return
    fi
    local -x DTS_TIME_SCALE=3
    end_to_end "for a long time" "$folder-sanitize" --failovers 1000 --flap-seconds 60 --rekeys 60 \
        tests/TestSuite_failover_stress.py tests/TestSuite_ipsec_rekey_load.py
}

run_tidy() {
    heading "clang-tidy"
    if ! plain_build; then return; fi
    local tidied
    mapfile -t tidied < <(git ls-files 'app/*.cpp' 'lib/*.cpp')
    if printf '%s\0' "${tidied[@]}" |
        xargs -0 -n 4 -P "$(nproc)" clang-tidy -p "$folder" --quiet \
            --extra-arg=-Wno-unknown-warning-option 2>/dev/null; then
        passed=$((passed + 1))
    else
        fail "clang-tidy: see above"
    fi
}

run_bench() {
    heading "benchmark"
    if ! build "$folder-release" --buildtype=release; then return; fi
    if "$root/tests/bench/run.sh" "$folder-release"; then
        passed=$((passed + 1))
    else
        fail benchmark
    fi
    if [ "$(id -u)" -ne 0 ]; then
        skip "benchmark of failovers: network namespaces need root"
    elif DTS_BUILD=$folder-release "$python" "$root/dts/bench/failover_bench.py"; then
        passed=$((passed + 1))
    else
        fail "benchmark of failovers"
    fi
}

heading "packages"
if ! "$root/dts/setup.sh" packages build run test; then
    echo "0 passed, 1 failed, 0 skipped"
    exit 1
fi

# Without these one case is skipped, which says so.
case " ${suites[*]} " in
*" dts "* | *" mlx5sim "*) "$root/dts/setup.sh" packages guest ;;
esac

case " ${suites[*]} " in
*" debian13 "* | *" mlx5sim "*) make_debian13_root ;;
esac

for suite in "${suites[@]}"; do
    case $suite in
    dts | smoke | mlx5sim)
        if [ "$(id -u)" -ne 0 ]; then
            skip "$suite: network namespaces need root"
            continue
        fi
        ;;
    esac
    "run_$suite"
done

heading "summary"
for entry in ${skips[@]+"${skips[@]}"}; do echo "skipped: $entry"; done
for entry in ${again[@]+"${again[@]}"}; do echo "again:   $entry"; done
for entry in ${failures[@]+"${failures[@]}"}; do echo "failed:  $entry"; done
echo
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
