// SPDX-License-Identifier: BSD-3-Clause
#include "config/keys.h"

#include <algorithm>
#include <numeric>
#include <set>

#include <spdlog/fmt/fmt.h>

namespace sallyport::config {

namespace {

/// Levenshtein's distance: insertions, deletions and replacements from one to the other.
std::size_t distance(std::string_view left, std::string_view right) {
    std::vector<std::size_t> row(right.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 1; i <= left.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= right.size(); ++j) {
            const std::size_t replaced = diagonal + (left[i - 1] == right[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
        }
    }
    return row.back();
}

std::string_view before_dot(std::string_view key) {
    return key.substr(0, key.find('.'));
}

/// "mtu" of "underlay.mtu" and of "mtu".
std::string_view last_part(std::string_view key) {
    const std::size_t dot = key.rfind('.');
    return dot == std::string_view::npos ? key : key.substr(dot + 1);
}

/// NAME of "uplink.NAME.device"; empty where the key is none of that form.
std::string_view name_in(std::string_view key, std::string_view form) {
    const std::size_t star = form.find('*');
    if (star == std::string_view::npos) return {};
    const std::string_view front = form.substr(0, star);
    const std::string_view back = form.substr(star + 1);
    if (key.size() <= front.size() + back.size()) return {};
    if (!key.starts_with(front) || !key.ends_with(back)) return {};
    return key.substr(front.size(), key.size() - front.size() - back.size());
}

std::string with_name(std::string_view form, std::string_view name) {
    std::string key(form);
    const std::size_t star = key.find('*');
    if (star != std::string::npos) key.replace(star, 1, name);
    return key;
}

} // namespace

std::string nearest(std::string_view text, std::span<const std::string> candidates) {
    // Longer texts are no slips of the fingers, and a guess out of many helps nobody; both would
    // only cost time.
    if (text.size() > 100 || candidates.size() > 100) return {};
    std::string best;
    std::size_t best_distance = std::max<std::size_t>(2, text.size() / 4) + 1;
    for (const std::string& candidate : candidates) {
        const std::size_t here = distance(text, candidate);
        if (here >= best_distance || here >= candidate.size()) continue;
        best_distance = here;
        best = candidate;
    }
    return best;
}

Keys::Keys(Source source, std::span<const KeyForm> forms, Complaints& complaints)
    : source_(std::move(source)), forms_(forms), complaints_(complaints) {
    complain_of_sections();
    for (Entry& entry : source_.entries) {
        if (!entry.section.empty() && !knows_section(entry.section)) continue;
        const KeyForm* form = form_of(entry.key);
        if (form == nullptr) {
            complain_of_unknown(entry);
            continue;
        }
        std::vector<Entry>& same = entries_[entry.key];
        if (!form->repeat && !same.empty())
            complain(entry, "given twice", fmt::format("once; first at line {}", same[0].line));
        else
            same.push_back(entry);
    }
}

const Entry* Keys::find(std::string_view key) const {
    const auto found = entries_.find(key);
    return found == entries_.end() ? nullptr : &found->second.front();
}

std::span<const Entry> Keys::all(std::string_view key) const {
    const auto found = entries_.find(key);
    if (found == entries_.end()) return {};
    return found->second;
}

std::vector<NamedGroup> Keys::named(std::string_view group) const {
    std::vector<NamedGroup> groups;
    const std::string front = std::string(group) + ".";
    for (const Section& section : source_.sections)
        if (section.name.size() > front.size() && section.name.starts_with(front))
            groups.push_back({section.name.substr(front.size()), section.line});
    for (const auto& [key, entries] : entries_) {
        const KeyForm* form = form_of(key);
        if (key.starts_with(front) && form != nullptr)
            groups.push_back({std::string(name_in(key, form->form)), entries.front().line});
    }
    std::stable_sort(
        groups.begin(), groups.end(),
        [](const NamedGroup& left, const NamedGroup& right) { return left.line < right.line; });
    std::set<std::string> seen;
    std::erase_if(groups,
                  [&seen](const NamedGroup& group) { return !seen.insert(group.name).second; });
    return groups;
}

void Keys::complain(unsigned line, std::string_view key, std::string wrong,
                    std::string right) const {
    complaints_.push_back(
        {source_.file, line, std::string(key), std::move(wrong), std::move(right)});
}

void Keys::complain(const Entry& entry, std::string wrong, std::string right) const {
    complain(entry.line, entry.key, std::move(wrong), std::move(right));
}

const KeyForm* Keys::form_of(std::string_view key) const {
    const auto matches = [key](const KeyForm& form) {
        return form.form == key || !name_in(key, form.form).empty();
    };
    const auto found = std::find_if(forms_.begin(), forms_.end(), matches);
    return found == forms_.end() ? nullptr : &*found;
}

bool Keys::knows_section(std::string_view section) const {
    return std::any_of(forms_.begin(), forms_.end(), [section](const KeyForm& form) {
        const std::string_view group = before_dot(form.form);
        if (group == form.form) return false;
        if (group == section) return true;
        return form.form.find('*') != std::string_view::npos && section.size() > group.size() + 1
               && section.starts_with(group) && section[group.size()] == '.';
    });
}

void Keys::complain_of_sections() {
    for (const Section& section : source_.sections) {
        if (knows_section(section.name)) continue;
        std::vector<std::string> groups;
        for (const KeyForm& form : forms_)
            if (form.form.find('.') != std::string_view::npos)
                groups.emplace_back(before_dot(form.form));
        std::string near = nearest(before_dot(section.name), groups);
        if (!near.empty() && section.name.find('.') != std::string::npos)
            near += section.name.substr(section.name.find('.'));
        if (!near.empty() && !knows_section(near)) near.clear();
        complain(section.line, "", fmt::format("unknown section [{}]", section.name),
                 near.empty() ? "one of " + section_forms()
                              : fmt::format("did you mean [{}]?", near));
    }
}

std::string Keys::section_forms() const {
    std::vector<std::string> sections;
    for (const KeyForm& form : forms_) {
        const std::size_t dot = form.form.rfind('.');
        if (dot == std::string_view::npos) continue;
        std::string section = fmt::format("[{}]", with_name(form.form.substr(0, dot), "NAME"));
        if (std::find(sections.begin(), sections.end(), section) == sections.end())
            sections.push_back(std::move(section));
    }
    return fmt::format("{}", fmt::join(sections, ", "));
}

void Keys::complain_of_unknown(const Entry& entry) const {
    const std::string near = near_key(entry);
    std::string right = "see docs/configuration.md for the keys";
    if (!near.empty() && near.find('.') == std::string::npos && !entry.section.empty())
        right = fmt::format("`{}` stands in front of the first [section] line", near);
    else if (!near.empty())
        right = fmt::format("did you mean `{}`?", near);
    complain(entry, "unknown key", std::move(right));
}

std::string Keys::near_key(const Entry& entry) const {
    // Names are the operator's: "uplink.p0.divice" is to be compared with "uplink.p0.device".
    std::string_view name = "NAME";
    const std::size_t first = entry.key.find('.');
    const std::size_t last = entry.key.rfind('.');
    if (first < last && last - first > 1)
        name = std::string_view(entry.key).substr(first + 1, last - first - 1);

    std::vector<std::string> known;
    for (const KeyForm& form : forms_) {
        known.push_back(with_name(form.form, name));
        // The right key in the wrong place.
        if (last_part(form.form) == last_part(entry.key)) return known.back();
    }
    return nearest(entry.key, known);
}

} // namespace sallyport::config
