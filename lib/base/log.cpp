// SPDX-License-Identifier: BSD-3-Clause
#include "base/log.h"

#include "base/errno_text.h"
#include "base/file_descriptor.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <memory>
#include <mutex>
#include <utility>

#include <fcntl.h>
#include <fmt/chrono.h>
#include <nlohmann/json.hpp>
#include <spdlog/formatter.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

namespace sallyport::base {

namespace {

constexpr std::array<std::pair<std::string_view, spdlog::level::level_enum>, 5> levels{{
    {"trace", spdlog::level::trace},
    {"debug", spdlog::level::debug},
    {"info", spdlog::level::info},
    {"warning", spdlog::level::warn},
    {"error", spdlog::level::err},
}};

Expected<spdlog::level::level_enum> parse_level(std::string_view level) {
    for (const auto& [name, value] : levels)
        if (name == level) return value;
    return failure("unknown level '" + std::string(level) + "'", "log",
                   "use trace, debug, info, warning or error");
}

std::string_view level_name(spdlog::level::level_enum level) {
    for (const auto& [name, value] : levels)
        if (value == level) return name;
    return "error";
}

class JsonFormatter final : public spdlog::formatter {
  public:
    explicit JsonFormatter(std::string node) : node_(std::move(node)) {}

    void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
        using std::chrono::milliseconds;
        auto since_epoch =
            std::chrono::duration_cast<milliseconds>(message.time.time_since_epoch());
        std::time_t seconds = std::chrono::system_clock::to_time_t(message.time);
        nlohmann::ordered_json line{
            {"time", fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(seconds),
                                 since_epoch.count() % 1000)},
            {"level", level_name(message.level)},
            {"message", std::string_view(message.payload.data(), message.payload.size())},
            {"node", node_},
        };
        // Bytes that are no UTF-8 (a device string, a kernel name) must not cost us the line.
        std::string text =
            line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
        text += '\n';
        out.append(text.data(), text.data() + text.size());
    }

    [[nodiscard]] std::unique_ptr<spdlog::formatter> clone() const override {
        return std::make_unique<JsonFormatter>(node_);
    }

  private:
    std::string node_;
};

Expected<FileDescriptor> open_file(const std::filesystem::path& file) {
    FileDescriptor fd(::open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640));
    if (!fd)
        return failure("cannot open the log file: " + errno_text(), file.string(),
                       "check log.file and the folder's permissions");
    return fd;
}

/// Unlike spdlog's file sink it can be reopened, and writes each line with one write(2), so that
/// lines of several processes on one file are never mixed.
class Sink final : public spdlog::sinks::base_sink<std::mutex> {
  public:
    Expected<void> open(const std::filesystem::path& file) {
        FileDescriptor fd;
        if (!file.empty()) {
            auto opened = open_file(file);
            if (!opened) return tl::unexpected(opened.error());
            fd = std::move(*opened);
        }
        std::lock_guard lock(mutex_);
        file_ = file;
        fd_ = std::move(fd);
        return {};
    }

    Expected<void> reopen() {
        std::filesystem::path file;
        {
            std::lock_guard lock(mutex_);
            file = file_;
        }
        return file.empty() ? Expected<void>{} : open(file);
    }

  protected:
    void sink_it_(const spdlog::details::log_msg& message) override {
        spdlog::memory_buf_t line;
        formatter_->format(message, line);
        const char* at = line.data();
        std::size_t left = line.size();
        while (left > 0) {
            ssize_t written = ::write(fd_ ? fd_.get() : STDERR_FILENO, at, left);
            // A log that cannot be written must not stop the process.
            if (written < 0 && errno != EINTR) return;
            if (written > 0) {
                at += written;
                left -= static_cast<std::size_t>(written);
            }
        }
    }
    void flush_() override {}

  private:
    std::filesystem::path file_;
    FileDescriptor fd_;
};

/// The sink of the last open_log(), for reopen_log().
std::shared_ptr<Sink>& current_sink() {
    static std::shared_ptr<Sink> sink;
    return sink;
}

} // namespace

Expected<void> open_log(const LogOptions& options) {
    auto level = parse_level(options.level);
    if (!level) return tl::unexpected(level.error());
    auto sink = std::make_shared<Sink>();
    if (auto opened = sink->open(options.file); !opened) return opened;

    auto logger = std::make_shared<spdlog::logger>("sallyport", sink);
    if (options.json)
        logger->set_formatter(std::make_unique<JsonFormatter>(options.node));
    else {
        std::string node;
        // '%' starts a field in spdlog's patterns.
        for (char c : options.node)
            node += c == '%' ? std::string("%%") : std::string(1, c);
        logger->set_pattern("%Y-%m-%d %H:%M:%S.%e " + node + " %l: %v");
    }
    logger->set_level(*level);
    spdlog::set_default_logger(logger);
    current_sink() = sink;
    return {};
}

Expected<void> reopen_log() {
    auto sink = current_sink();
    return sink ? sink->reopen() : Expected<void>{};
}

Expected<void> set_log_level(std::string_view level) {
    auto value = parse_level(level);
    if (!value) return tl::unexpected(value.error());
    spdlog::set_level(*value);
    return {};
}

} // namespace sallyport::base
