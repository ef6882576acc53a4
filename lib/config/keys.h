// SPDX-License-Identifier: BSD-3-Clause
// The known keys of a file, with their places; complains of all others.
#pragma once

#include "config/source.h"

#include <algorithm>
#include <array>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::config {

/// A key that a file may hold: "underlay.mtu"; "uplink.*.device" stands for any name.
struct KeyForm {
    std::string_view form;
    bool repeat = false;
};

template<std::size_t left, std::size_t right>
constexpr auto joined(const std::array<KeyForm, left>& one, const std::array<KeyForm, right>& two) {
    std::array<KeyForm, left + right> all{};
    std::copy(two.begin(), two.end(), std::copy(one.begin(), one.end(), all.begin()));
    return all;
}

/// A NAME out of "uplink.NAME.device", with the line where it stands first.
struct NamedGroup {
    std::string name;
    unsigned line = 0;
};

/// The keys of one file. Unknown sections and keys and repeated single keys are complained of by
/// the constructor; what remains can be taken by its key. Secrets stay in the source's text.
class Keys {
  public:
    /// @param forms,complaints must outlive the object
    Keys(Source source, std::span<const KeyForm> forms, Complaints& complaints);

    [[nodiscard]] const std::filesystem::path& file() const { return source_.file; }
    /// Why no key may stand in the file; null where one may.
    [[nodiscard]] const Error* exposure() const { return source_.exposure; }
    /// Null where the file does not have it.
    [[nodiscard]] const Entry* find(std::string_view key) const;
    /// By line.
    [[nodiscard]] std::span<const Entry> all(std::string_view key) const;
    /// Names of "GROUP.NAME" sections and keys, in the order of the file.
    [[nodiscard]] std::vector<NamedGroup> named(std::string_view group) const;

    void complain(unsigned line, std::string_view key, std::string wrong, std::string right) const;
    void complain(const Entry& entry, std::string wrong, std::string right) const;

  private:
    [[nodiscard]] const KeyForm* form_of(std::string_view key) const;
    [[nodiscard]] bool knows_section(std::string_view section) const;
    void complain_of_sections();
    void complain_of_unknown(const Entry& entry) const;
    [[nodiscard]] std::string near_key(const Entry& entry) const;
    [[nodiscard]] std::string section_forms() const;

    Source source_;
    std::span<const KeyForm> forms_;
    Complaints& complaints_;
    std::map<std::string, std::vector<Entry>, std::less<>> entries_;
};

/// The candidate that was probably meant, empty where none is near.
std::string nearest(std::string_view text, std::span<const std::string> candidates);

} // namespace sallyport::config
