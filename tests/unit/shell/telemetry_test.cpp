// SPDX-License-Identifier: BSD-3-Clause
#include "fake_controller.h"
#include "telemetry/tel_data.h"
#include "telemetry/telemetry.h"

#include <fstream>
#include <memory>
#include <set>
#include <string>

#include <gtest/gtest.h>
#include <rte_telemetry.h>

#if defined(__SANITIZE_ADDRESS__)
#define SALLYPORT_LEAK_CHECK
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SALLYPORT_LEAK_CHECK
#endif
#endif
#ifdef SALLYPORT_LEAK_CHECK
#include <sanitizer/lsan_interface.h>
#endif

namespace sallyport::telemetry {
namespace {

TEST(TelemetryKey, HasOnlyCharactersThatTelemetryTakes) {
    EXPECT_EQ(telemetry_key("source-mac-spoofed"), "source_mac_spoofed");
    EXPECT_EQ(telemetry_key("52:54.x/Y_9"), "52_54_x/Y_9");
    EXPECT_EQ(telemetry_key("\xc3\xa4"), "__");
    EXPECT_EQ(telemetry_key(std::string(200, 'a')).size(), 127U);
}

TEST(ShortenLists, CutsAtEveryDepthAndTellsHowManyThereWere) {
    Json object = Json::parse(R"({"a":[1,2,3],"b":[1],"c":{"d":[1,2,3,4]},"e":"text"})");
    shorten_lists(object, 2);
    EXPECT_EQ(
        object,
        Json::parse(R"({"a":[1,2],"a_total":3,"b":[1],"c":{"d":[1,2],"d_total":4},"e":"text"})"));
    shorten_lists(object, 1);
    EXPECT_EQ(object.at("a_total"), 3);
    EXPECT_EQ(object.at("a").size(), 1U);
}

/// As endpoints do: a window of at most page_entries.
Window window_of(const Json& list, std::size_t offset) {
    Window window{.total = list.size(), .offset = offset};
    for (std::size_t i = offset; i < std::min(list.size(), offset + page_entries); ++i)
        window.entries.push_back(list[i]);
    return window;
}

TEST(Page, OfNothing) {
    EXPECT_EQ(page({}), Json::parse(R"({"total":0,"offset":0,"entries":{}})"));
}

TEST(Page, PagesTogetherAreTheWholeListAndEachFits) {
    Json list = Json::array();
    for (int i = 0; i < 1000; ++i)
        list.push_back(
            {{"number", i}, {"text", std::string(static_cast<std::size_t>(i % 97), 'x')}});
    std::size_t offset = 0;
    std::size_t seen = 0;
    for (int pages = 0; pages < 1000; ++pages) {
        Json part = page(window_of(list, offset));
        EXPECT_LE(part.dump().size(), answer_budget + 100);
        EXPECT_LE(part.at("entries").size(), page_entries);
        ASSERT_FALSE(part.at("entries").empty());
        for (const auto& [key, entry] : part.at("entries").items()) {
            EXPECT_EQ(key, std::to_string(seen));
            EXPECT_EQ(entry, list[seen++]);
        }
        if (!part.contains("next_offset")) break;
        offset = part.at("next_offset").get<std::size_t>();
        EXPECT_EQ(offset, seen);
    }
    EXPECT_EQ(seen, list.size());
}

TEST(Page, ShortensAnEntryThatDoesNotFit) {
    Json list = Json::array();
    Json entry{{"name", "big"}, {"list", Json::array()}};
    for (int i = 0; i < 5000; ++i)
        entry["list"].push_back("2001:db8::1234:5678");
    list.push_back(entry);
    list.push_back({{"name", "small"}});
    Json part = page(window_of(list, 0));
    EXPECT_LE(part.dump().size(), answer_budget + 100);
    EXPECT_EQ(part.at("entries").at("0").at("list_total"), 5000);
    EXPECT_LE(page(window_of(list, 1)).dump().size(), answer_budget);
    EXPECT_FALSE(page(window_of(list, 1)).contains("next_offset"));
}

/// Containers inside an answer belong to DPDK, which frees them when it has written the answer;
/// here nothing is written, so the leak checker must not count them.
class GivenToDpdk {
  public:
#ifdef SALLYPORT_LEAK_CHECK
    GivenToDpdk() {
        __lsan_disable();
    }
    ~GivenToDpdk() {
        __lsan_enable();
    }
    GivenToDpdk(const GivenToDpdk&) = delete;
    GivenToDpdk& operator=(const GivenToDpdk&) = delete;
#endif
};

struct Freed {
    void operator()(rte_tel_data* data) const { rte_tel_data_free(data); }
};

TEST(Fill, TakesEveryKindOfValue) {
    std::unique_ptr<rte_tel_data, Freed> data(rte_tel_data_alloc());
    Json object = Json::parse(R"({"null":null,"yes":true,"big":18446744073709551615,"below":-1,
        "ratio":1.5,"text":"a","long":"","strings":["a","b"],"numbers":[1,2],"mixed":[1,"b"],
        "empty":[]})");
    object["long"] = std::string(1000, 'x');
    [[maybe_unused]] GivenToDpdk ignored;
    EXPECT_TRUE(fill(data.get(), object));
}

TEST(Fill, RefusesMoreMembersThanADictionaryHas) {
    std::unique_ptr<rte_tel_data, Freed> data(rte_tel_data_alloc());
    Json object = Json::object();
    for (int i = 0; i < RTE_TEL_MAX_DICT_ENTRIES; ++i)
        object[std::to_string(i)] = i;
    EXPECT_TRUE(fill(data.get(), object));
    object["one more"] = 1;
    EXPECT_FALSE(fill(data.get(), object));
    // Nor where a member of it has: with nothing left behind.
    EXPECT_FALSE(fill(data.get(), {{"list", {1, 2}}, {"inner", object}}));
}

/// The first column of the table of endpoints in docs/commands.md.
std::set<std::string> documented_endpoints() {
    std::ifstream manual(SALLYPORT_COMMANDS_MANUAL);
    std::set<std::string> names;
    for (std::string line; std::getline(manual, line);)
        if (const std::string front = "| `/sallyport/"; line.starts_with(front))
            names.insert(line.substr(3, line.find('`', 3) - 3));
    return names;
}

TEST(Endpoints, AreTheDocumentedOnesAndEachAnswerCanBeCarried) {
    const shell_test::FakeController controller;
    std::set<std::string> names;
    for (const Endpoint& endpoint : endpoints(controller)) {
        names.insert(endpoint.name);
        std::unique_ptr<rte_tel_data, Freed> data(rte_tel_data_alloc());
        [[maybe_unused]] GivenToDpdk ignored;
        EXPECT_TRUE(fill(data.get(), endpoint.answer(0))) << endpoint.name;
        EXPECT_LT(std::string(endpoint.help).size(), 128U) << endpoint.name;
    }
    EXPECT_EQ(names, documented_endpoints());
}

TEST(Endpoints, IpsecIsShownAsByTheShell) {
    const shell_test::FakeController controller;
    const auto answer = [&](std::string_view name) {
        for (const Endpoint& endpoint : endpoints(controller))
            if (endpoint.name == name) return endpoint.answer(0);
        ADD_FAILURE() << "no " << name;
        return Json();
    };
    EXPECT_EQ(answer("/sallyport/ipsec").at("total"), 3);
    EXPECT_EQ(answer("/sallyport/ipsec").at("entries").at("1").at("faults").at("bad-icv"), 3);
    const Json policy = answer("/sallyport/ipsec_policy");
    EXPECT_EQ(policy.at("total"), 2);
    EXPECT_EQ(policy.at("entries").at("0").at("protection"), "ipsec");
    const Json stats = answer("/sallyport/ipsec_stats");
    EXPECT_EQ(stats.at("without_sa").at("clear-text"), 8);
    EXPECT_EQ(stats.at("inbound").at("faults").at("selector-mismatch"), 4);
}

} // namespace
} // namespace sallyport::telemetry
