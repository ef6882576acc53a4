// SPDX-License-Identifier: BSD-3-Clause
#include "eal.h"

#include <cstdio>
#include <string_view>

#include <rte_log.h>
#include <spdlog/spdlog.h>

namespace sallyport {

namespace {

spdlog::level::level_enum level_of(int dpdk_level) {
    if (dpdk_level >= static_cast<int>(RTE_LOG_DEBUG)) return spdlog::level::debug;
    if (dpdk_level >= static_cast<int>(RTE_LOG_NOTICE)) return spdlog::level::info;
    return dpdk_level == static_cast<int>(RTE_LOG_WARNING) ? spdlog::level::warn
                                                           : spdlog::level::err;
}

/// The stream's write function: whole lines, in the thread that logged them.
ssize_t write_log(void* /*cookie*/, const char* text, std::size_t size) {
    std::string_view rest(text, size);
    while (!rest.empty()) {
        std::size_t end = rest.find('\n');
        std::string_view line = rest.substr(0, end);
        if (!line.empty()) spdlog::log(level_of(rte_log_cur_msg_loglevel()), "{}", line);
        if (end == std::string_view::npos) break;
        rest.remove_prefix(end + 1);
    }
    return static_cast<ssize_t>(size);
}

} // namespace

void route_dpdk_log() {
    cookie_io_functions_t functions{};
    functions.write = write_log;
    FILE* stream = ::fopencookie(nullptr, "w", functions);
    if (stream == nullptr) return;
    // By lines: with two threads logging, each line is written with its own thread's level.
    std::setvbuf(stream, nullptr, _IOLBF, BUFSIZ);
    // rte_eal_cleanup() closes it.
    rte_openlog_stream(stream);
}

} // namespace sallyport
