// SPDX-License-Identifier: BSD-3-Clause
#include "config/inline_key.h"

#include "config/source.h"
#include "ipsec/key_file.h"

#include <algorithm>

namespace sallyport::config {

Expected<ipsec::Secret> read_inline_key(const std::filesystem::path& file, const std::string& sa,
                                        const std::string& where) {
    const std::string place = where + ": tenant file " + file.native();
    Complaints complaints;
    const auto content = FileContent::read(file, complaints);
    if (!content)
        return failure(std::move(complaints.front().wrong), place,
                       std::move(complaints.front().right));
    const Source source = parse_source(content->source(), complaints);
    const auto entry =
        std::find_if(source.entries.begin(), source.entries.end(),
                     [key = "sa." + sa + ".key"](const Entry& other) { return other.key == key; });
    if (entry == source.entries.end())
        return failure("has no key of this SA any more", place, "load the tenant anew");
    if (source.exposure != nullptr)
        return failure(source.exposure->what, place, source.exposure->remedy);
    ipsec::ParsedKey parsed = ipsec::parse_key(entry->secret);
    if (parsed.fault != ipsec::KeyFault::none)
        return failure(ipsec::to_string(parsed.fault), place, std::string(ipsec::key_form));
    return std::move(parsed.key);
}

} // namespace sallyport::config
