// SPDX-License-Identifier: BSD-3-Clause
#include "telemetry/telemetry.h"

#include <charconv>
#include <condition_variable>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <string_view>

#include <rte_telemetry.h>
#include <spdlog/spdlog.h>

namespace sallyport::telemetry {

namespace {

/// What telemetry's threads and the control thread share. Its callbacks have no argument in DPDK
/// 22.11, and its threads live as long as the process: so this does, too.
struct Hub {
    std::mutex mutex;
    std::condition_variable changed;
    /// Null: there is nobody to ask.
    control::EventLoop* loop = nullptr;
    std::chrono::milliseconds timeout{};
    std::map<std::string, Answer, std::less<>> answers;
};

Hub& hub() {
    static Hub& only = *new Hub;
    return only;
}

/// Shared with the control thread, which may come to it after telemetry has given up.
struct Request {
    std::optional<Json> answer;
    bool failed = false;
};

std::optional<std::size_t> parse_offset(const char* parameters) {
    std::size_t offset = 0;
    if (parameters == nullptr || *parameters == '\0') return offset;
    const char* end = parameters + std::strlen(parameters);
    auto [stop, error] = std::from_chars(parameters, end, offset);
    if (error != std::errc{} || stop != end) return std::nullopt;
    return offset;
}

void answer_on_control_thread(Request& request, const Answer& answer, std::size_t offset) {
    std::optional<Json> result;
    try {
        result = answer(offset);
    } catch (const std::exception& exception) {
        spdlog::error("telemetry: {}", exception.what());
    }
    std::lock_guard lock(hub().mutex);
    request.failed = !result;
    request.answer = std::move(result);
    hub().changed.notify_all();
}

/// rte_telemetry's callback, on a thread of its own. Negative: "null" is answered.
int on_request(const char* endpoint, const char* parameters, rte_tel_data* data) {
    std::optional<std::size_t> offset = parse_offset(parameters);
    if (!offset) return -EINVAL;
    auto request = std::make_shared<Request>();
    Hub& shared = hub();
    {
        std::unique_lock lock(shared.mutex);
        auto answer = shared.answers.find(std::string_view(endpoint));
        if (shared.loop == nullptr || answer == shared.answers.end()) return -ESHUTDOWN;
        // Under the lock: the loop cannot go away meanwhile.
        shared.loop->post([request, answer = answer->second, offset = *offset] {
            answer_on_control_thread(*request, answer, offset);
        });
        shared.changed.wait_for(lock, shared.timeout, [&] {
            return request->answer || request->failed || shared.loop == nullptr;
        });
        if (!request->answer) return request->failed ? -EIO : -ETIMEDOUT;
    }
    if (auto filled = fill(data, *request->answer); !filled) {
        spdlog::error("telemetry {}: {}", endpoint, filled.error().message());
        return -E2BIG;
    }
    return 0;
}

} // namespace

Telemetry::Telemetry(control::EventLoop& loop, std::chrono::milliseconds timeout) {
    std::lock_guard lock(hub().mutex);
    hub().loop = &loop;
    hub().timeout = timeout;
}

Telemetry::~Telemetry() {
    std::lock_guard lock(hub().mutex);
    hub().loop = nullptr;
    hub().answers.clear();
    hub().changed.notify_all();
}

Expected<void> Telemetry::add(const std::string& endpoint, const char* help, Answer answer) {
    {
        std::lock_guard lock(hub().mutex);
        hub().answers[endpoint] = std::move(answer);
    }
    if (int result = rte_telemetry_register_cmd(endpoint.c_str(), on_request, help); result != 0)
        return failure("cannot register the telemetry endpoint: " + std::string(strerror(-result)),
                       endpoint);
    return {};
}

} // namespace sallyport::telemetry
