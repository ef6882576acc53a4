// SPDX-License-Identifier: BSD-3-Clause
#include "telemetry/tel_data.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>

#include <rte_telemetry.h>
#include <rte_version.h>

namespace sallyport::telemetry {

namespace {

struct TelDataFree {
    void operator()(rte_tel_data* data) const { rte_tel_data_free(data); }
};
using TelData = std::unique_ptr<rte_tel_data, TelDataFree>;

// The functions for 64-bit numbers got new names in 23.03; the old ones warn since.
int add_member(rte_tel_data* data, const char* key, std::uint64_t value) {
#if RTE_VERSION >= RTE_VERSION_NUM(23, 3, 0, 0)
    return rte_tel_data_add_dict_uint(data, key, value);
#else
    return rte_tel_data_add_dict_u64(data, key, value);
#endif
}

int start_numbers(rte_tel_data* data) {
#if RTE_VERSION >= RTE_VERSION_NUM(23, 3, 0, 0)
    return rte_tel_data_start_array(data, RTE_TEL_UINT_VAL);
#else
    return rte_tel_data_start_array(data, RTE_TEL_U64_VAL);
#endif
}

int add_element(rte_tel_data* data, std::uint64_t value) {
#if RTE_VERSION >= RTE_VERSION_NUM(23, 3, 0, 0)
    return rte_tel_data_add_array_uint(data, value);
#else
    return rte_tel_data_add_array_u64(data, value);
#endif
}

/// DPDK's writer indexes a table by the signed character: nothing but ASCII may reach it.
std::string telemetry_text(const Json& value) {
    std::string text = shell::value_text(value).substr(0, RTE_TEL_MAX_STRING_LEN - 1);
    std::replace_if(
        text.begin(), text.end(), [](char c) { return c < 0x20 || c == 0x7f; }, '?');
    return text;
}

bool is_number(const Json& value) {
    return value.is_number_unsigned() || (value.is_number_integer() && value >= 0);
}

/// Elements of an array or members of an object.
bool all(const Json& values, bool (*test)(const Json&)) {
    return std::all_of(values.begin(), values.end(), test);
}

/// Checked before anything is filled: containers inside an answer that is given up half-way could
/// not be freed any more.
bool within_limits(const Json& value) {
    if (!value.is_structured()) return true;
    bool dictionary = value.is_object()
                      || !all(value, [](const Json& element) { return !element.is_structured(); });
    std::size_t most = dictionary ? RTE_TEL_MAX_DICT_ENTRIES : RTE_TEL_MAX_ARRAY_ENTRIES;
    return value.size() <= most && all(value, within_limits);
}

int fill_dict(rte_tel_data* data, const Json& object);

/// Scalars only.
int fill_array(rte_tel_data* data, const Json& array) {
    bool numbers = !array.empty() && all(array, is_number);
    int result = numbers ? start_numbers(data) : rte_tel_data_start_array(data, RTE_TEL_STRING_VAL);
    for (const Json& element : array) {
        if (result != 0) break;
        result = numbers ? add_element(data, element.get<std::uint64_t>())
                         : rte_tel_data_add_array_string(data, telemetry_text(element).c_str());
    }
    return result;
}

Json indexed(const Json& array) {
    Json object = Json::object();
    for (std::size_t i = 0; i < array.size(); ++i)
        object[std::to_string(i)] = array[i];
    return object;
}

int add_container(rte_tel_data* data, const char* key, const Json& value) {
    TelData inner(rte_tel_data_alloc());
    if (!inner) return -ENOMEM;
    bool has_objects = value.is_array()
                       && !all(value, [](const Json& element) { return !element.is_structured(); });
    int result = value.is_object() ? fill_dict(inner.get(), value)
                 : has_objects     ? fill_dict(inner.get(), indexed(value))
                                   : fill_array(inner.get(), value);
    if (result == 0) result = rte_tel_data_add_dict_container(data, key, inner.get(), 0);
    // From here DPDK frees it, when the answer is written.
    if (result == 0) static_cast<void>(inner.release());
    return result;
}

int add_any(rte_tel_data* data, const char* key, const Json& value) {
    if (value.is_null()) return 0;
    if (value.is_structured()) return add_container(data, key, value);
    if (value.is_boolean()) return add_member(data, key, value.get<bool>() ? 1 : 0);
    if (is_number(value)) return add_member(data, key, value.get<std::uint64_t>());
    return rte_tel_data_add_dict_string(data, key, telemetry_text(value).c_str());
}

int fill_dict(rte_tel_data* data, const Json& object) {
    int result = rte_tel_data_start_dict(data);
    for (const auto& [key, value] : object.items()) {
        if (result != 0) break;
        result = add_any(data, telemetry_key(key).c_str(), value);
    }
    return result;
}

/// Shortened until it fits.
Json fitting(Json entry, std::size_t budget) {
    for (std::size_t most = 256; most > 0 && entry.dump().size() > budget; most /= 2)
        shorten_lists(entry, most);
    return entry;
}

std::size_t size_of(const Json& entry) {
    return entry.dump(-1, ' ', false, Json::error_handler_t::replace).size();
}

} // namespace

std::string telemetry_key(std::string_view key) {
    std::string result(key.substr(0, RTE_TEL_MAX_STRING_LEN - 1));
    auto allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
               || c == '/';
    };
    std::replace_if(
        result.begin(), result.end(), [&](char c) { return !allowed(c); }, '_');
    return result;
}

void shorten_lists(Json& object, std::size_t most) {
    Json result = Json::object();
    for (auto& [key, value] : object.items()) {
        Json member = value;
        std::size_t count = member.size();
        if (member.is_object()) shorten_lists(member, most);
        bool shortened = member.is_array() && count > most;
        if (shortened)
            member.erase(member.begin() + static_cast<std::ptrdiff_t>(most), member.end());
        result[key] = std::move(member);
        std::string total = key + "_total";
        if (shortened && !object.contains(total)) result[total] = count;
    }
    object = std::move(result);
}

Json page(const Window& window) {
    Json entries = Json::object();
    std::size_t used = 0;
    std::size_t taken = 0;
    for (const Json& entry : window.entries) {
        if (taken == page_entries) break;
        Json fitted = fitting(entry, answer_budget);
        // The key, its quotes, and separators.
        std::size_t size = size_of(fitted) + 32;
        if (taken > 0 && used + size > answer_budget) break;
        used += size;
        entries[std::to_string(window.offset + taken++)] = std::move(fitted);
    }
    Json result{{"total", window.total}, {"offset", window.offset}};
    if (window.offset + taken < window.total) result["next_offset"] = window.offset + taken;
    result["entries"] = std::move(entries);
    return result;
}

Expected<void> fill(rte_tel_data* data, const Json& object) {
    if (!within_limits(object)) return failure("the answer has more members than telemetry takes");
    if (int result = fill_dict(data, object); result != 0)
        return failure("telemetry refused the answer (code " + std::to_string(result) + ")");
    return {};
}

} // namespace sallyport::telemetry
