// SPDX-License-Identifier: BSD-3-Clause
#include "shell/output.h"

#include <algorithm>

namespace sallyport::shell {

namespace {

constexpr std::size_t column_gap = 2;

/// Characters, not octets, so that names in UTF-8 keep the columns straight.
std::size_t width(const std::string& text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
    }));
}

void append_line(std::string& out, const std::vector<Column>& columns,
                 const std::vector<std::string>& cells, const std::vector<std::size_t>& widths) {
    std::size_t start = out.size();
    for (std::size_t i = 0; i < columns.size(); ++i) {
        if (i > 0) out.append(column_gap, ' ');
        std::size_t padding = widths[i] - width(cells[i]);
        if (columns[i].align == Align::right) out.append(padding, ' ');
        out += cells[i];
        if (columns[i].align == Align::left) out.append(padding, ' ');
    }
    out.erase(std::max(out.find_last_not_of(' ') + 1, start));
    out += '\n';
}

} // namespace

std::string Output::text(bool json) const {
    if (json) return data.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
    if (!render) return {};
    std::string text = render(data);
    if (!text.empty() && text.back() != '\n') text += '\n';
    return text;
}

Output plain_text(std::string text) {
    return {.data = std::move(text),
            .render = [](const Json& data) { return data.get<std::string>(); }};
}

Column column(std::string header, std::string key, Align align) {
    return {std::move(header),
            [key = std::move(key)](const Json& row) { return member_text(row, key); }, align};
}

Renderer table(std::vector<Column> columns, std::string when_empty) {
    return [columns = std::move(columns), when_empty = std::move(when_empty)](const Json& rows) {
        if (rows.empty()) return when_empty + '\n';
        std::vector<std::vector<std::string>> lines;
        lines.reserve(rows.size() + 1);
        std::vector<std::size_t> widths(columns.size());
        auto add = [&](auto&& cell_of) {
            std::vector<std::string>& cells = lines.emplace_back();
            for (std::size_t i = 0; i < columns.size(); ++i) {
                cells.push_back(cell_of(columns[i]));
                widths[i] = std::max(widths[i], width(cells[i]));
            }
        };
        add([](const Column& column) { return column.header; });
        for (const Json& row : rows)
            add([&row](const Column& column) { return column.cell(row); });

        std::string out;
        for (const auto& cells : lines)
            append_line(out, columns, cells, widths);
        return out;
    };
}

std::string render_pairs(const std::vector<std::pair<std::string, std::string>>& pairs) {
    std::size_t widest = 0;
    for (const auto& [label, value] : pairs)
        if (!value.empty()) widest = std::max(widest, width(label));
    std::string out;
    for (const auto& [label, value] : pairs) {
        if (value.empty()) continue;
        out += label;
        out.append(widest - width(label) + column_gap, ' ');
        out += value;
        out += '\n';
    }
    return out;
}

std::string value_text(const Json& value) {
    if (value.is_null()) return "-";
    if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
    if (value.is_string()) {
        auto text = value.get<std::string>();
        return text.empty() ? "-" : text;
    }
    if (value.is_array()) {
        std::string text;
        for (const Json& element : value)
            text += (text.empty() ? "" : ", ") + value_text(element);
        return text.empty() ? "-" : text;
    }
    return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string member_text(const Json& object, const std::string& key) {
    auto member = object.find(key);
    return member == object.end() ? "-" : value_text(*member);
}

} // namespace sallyport::shell
