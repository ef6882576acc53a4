// SPDX-License-Identifier: BSD-3-Clause
#include "report.h"

#include <array>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>

#include <unistd.h>

namespace mlx5sim {

namespace {

// One write for a line: lines of several processes and threads do not mix.
void write_line(const char* format, std::va_list arguments) {
    std::array<char, 1024> line{};
    int length = std::snprintf(line.data(), line.size(), "mlx5sim: ");
    length += std::vsnprintf(line.data() + length, line.size() - length - 1, format, arguments);
    if (length > static_cast<int>(line.size()) - 2) length = line.size() - 2;
    line[length] = '\n';
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), length + 1);
}

bool tracing() {
    static const bool on = std::getenv("MLX5SIM_TRACE") != nullptr;
    return on;
}

} // namespace

void trace(const char* format, ...) {
    if (!tracing()) return;
    std::va_list arguments;
    va_start(arguments, format);
    write_line(format, arguments);
    va_end(arguments);
}

void say(const char* format, ...) {
    std::va_list arguments;
    va_start(arguments, format);
    write_line(format, arguments);
    va_end(arguments);
}

void refuse(const char* format, ...) {
    std::va_list arguments;
    va_start(arguments, format);
    write_line(format, arguments);
    va_end(arguments);
    std::abort();
}

} // namespace mlx5sim
