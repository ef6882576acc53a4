// SPDX-License-Identifier: BSD-3-Clause
#include "eswitch/bring_up/devlink_reader.h"

#include "eswitch/bring_up/command_output.h"

#include <optional>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

namespace sallyport::eswitch {

namespace {

using Json = nlohmann::json;

std::string handle(const net::PciAddress& pci) {
    return "pci/" + to_string(pci);
}

/// The member of an object, null where @p value is none or has none such.
const Json* member(const Json* value, const std::string& key) {
    if (value == nullptr || !value->is_object()) return nullptr;
    const auto found = value->find(key);
    return found == value->end() ? nullptr : &*found;
}

const Json* first_element(const Json* value) {
    return value != nullptr && value->is_array() && !value->empty() ? &value->front() : nullptr;
}

std::optional<std::string> text_of(const Json* value) {
    if (value == nullptr || !value->is_string()) return std::nullopt;
    return value->get<std::string>();
}

tl::unexpected<Error> unexpected_answer(const char* question, const net::PciAddress& pci) {
    return failure(std::string("devlink's answer has no ") + question, to_string(pci));
}

class CommandDevlinkReader final : public DevlinkReader {
  public:
    CommandDevlinkReader(std::string program, std::chrono::milliseconds patience)
        : program_(std::move(program)), patience_(patience) {}

    Expected<std::string> eswitch_mode(const net::PciAddress& pci) override {
        const auto answer =
            command_output({program_, "-j", "dev", "eswitch", "show", handle(pci)}, patience_);
        if (!answer) return tl::unexpected(answer.error());
        return parse_eswitch_mode(*answer, pci);
    }

    Expected<bool> multiport(const net::PciAddress& pci) override {
        const auto answer = command_output(
            {program_, "-j", "dev", "param", "show", handle(pci), "name", "esw_multiport"},
            patience_);
        if (!answer) return tl::unexpected(answer.error());
        return parse_multiport(*answer, pci);
    }

  private:
    std::string program_;
    std::chrono::milliseconds patience_;
};

} // namespace

std::unique_ptr<DevlinkReader> make_devlink_reader(std::string program,
                                                   std::chrono::milliseconds patience) {
    return std::make_unique<CommandDevlinkReader>(std::move(program), patience);
}

Expected<std::string> parse_eswitch_mode(std::string_view json, const net::PciAddress& pci) {
    const Json answer = Json::parse(json, nullptr, false);
    const Json* const device = member(member(&answer, "dev"), handle(pci));
    if (auto mode = text_of(member(device, "mode"))) return *std::move(mode);
    return unexpected_answer("E-Switch mode", pci);
}

Expected<bool> parse_multiport(std::string_view json, const net::PciAddress& pci) {
    const Json answer = Json::parse(json, nullptr, false);
    const Json* const parameter = first_element(member(member(&answer, "param"), handle(pci)));
    const Json* const values = member(parameter, "values");
    if (text_of(member(parameter, "name")) != "esw_multiport" || values == nullptr
        || !values->is_array())
        return unexpected_answer("parameter esw_multiport", pci);
    for (const Json& entry : *values) {
        const Json* const value = member(&entry, "value");
        if (text_of(member(&entry, "cmode")) != "runtime" || value == nullptr) continue;
        if (value->is_boolean()) return value->get<bool>();
    }
    return unexpected_answer("run-time value of esw_multiport", pci);
}

} // namespace sallyport::eswitch
