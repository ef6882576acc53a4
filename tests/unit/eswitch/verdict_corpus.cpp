// SPDX-License-Identifier: BSD-3-Clause
#include "verdict_corpus.h"

#include "eswitch/stages/stage.h"

#include <array>
#include <cstring>
#include <memory>
#include <utility>

#include <netinet/in.h>
#include <rte_byteorder.h>

namespace sallyport::eswitch {

namespace {

using Run = CorpusRun;
using Driver = CorpusEntry::Driver;

constexpr std::uint32_t queue_size = 64;

constexpr rte_flow_port_attr resources(std::uint32_t counters, std::uint32_t aging,
                                       std::uint32_t meters) {
    rte_flow_port_attr attributes{};
    attributes.nb_counters = counters;
    attributes.nb_aging_objects = aging;
    attributes.nb_meters = meters;
    return attributes;
}
/// What all ports are configured with.
constexpr rte_flow_port_attr ours = resources(4096, 64, 64);

constexpr TableAttributes from_vports{
    .group = 1, .priority = 0, .rules = 64, .origin = Origin::vport};
constexpr TableAttributes from_wire{.group = 1, .priority = 0, .rules = 64, .origin = Origin::wire};
constexpr TableAttributes from_any{.group = 1, .priority = 0, .rules = 64, .origin = Origin::any};

TestPattern tagged(std::uint32_t value = 7) {
    TestPattern pattern;
    pattern.tag(value).ethernet();
    return pattern;
}

TestActions dropping() {
    TestActions actions;
    actions.drop();
    return actions;
}

class Corpus {
  public:
    void ask(std::string name, Answer expected, std::function<void(Run&)> run) {
        entries_.push_back({std::move(name), expected, std::move(run)});
    }
    /// Of the entry before.
    void driver_says(Answer answer, std::string why) {
        entries_.back().driver = Driver::differs;
        entries_.back().expected_of_driver = answer;
        entries_.back().reason = std::move(why);
    }
    void driver_is_not_asked(std::string why) {
        entries_.back().driver = Driver::not_asked;
        entries_.back().reason = std::move(why);
    }

    void pattern(std::string name, Answer expected, std::function<void(TestPattern&)> write) {
        ask("pattern: " + std::move(name), expected, [write = std::move(write)](Run& run) {
            TestPattern pattern;
            write(pattern);
            run.pattern(pattern).actions(dropping()).table(from_any);
        });
    }
    /// The driver looks at the order when a table is made.
    void actions(std::string name, Answer expected, std::function<void(TestActions&)> write) {
        ask("actions: " + std::move(name), expected, [write = std::move(write)](Run& run) {
            TestActions actions;
            write(actions);
            run.pattern(tagged()).actions(actions).table(from_any);
        });
    }
    /// Both are refused alike, with a drop behind.
    void modify(std::string name, Answer expected, std::function<void(ModifyPair&)> spoil) {
        actions("modify_field " + std::move(name), expected,
                [spoil = std::move(spoil)](TestActions& actions) {
                    ModifyPair pair = modify_tag();
                    spoil(pair);
                    actions.add(RTE_FLOW_ACTION_TYPE_MODIFY_FIELD, pair.action, pair.mask).drop();
                });
    }

    std::vector<CorpusEntry> take() { return std::move(entries_); }

  private:
    std::vector<CorpusEntry> entries_;
};

void add_configuration(Corpus& corpus) {
    using enum Answer;
    corpus.ask("pattern template on a port without a flow engine", pattern,
               [](Run& run) { run.pattern(tagged()); });
    corpus.ask("actions template on a port without a flow engine", actions,
               [](Run& run) { run.actions(dropping()); });
    corpus.ask("no flow queue", configure,
               [](Run& run) { run.configure(run.card.proxy, 0, queue_size, ours); });
    corpus.ask("a flow queue without room", configure,
               [](Run& run) { run.configure(run.card.proxy, 1, 0, ours); });
    corpus.driver_is_not_asked("it takes it, and the port is configured so");
    corpus.ask("aging without counters", configure,
               [](Run& run) { run.configure(run.card.proxy, 1, queue_size, resources(0, 1, 0)); });
    corpus.ask("the ports' flow engines", taken, [](Run& run) {
        run.configure(run.card.proxy, 1, queue_size, ours);
        for (const std::uint16_t port : {run.card.other_wire, run.card.vm, run.card.other_vm})
            run.configure(port, 1, queue_size, resources(0, 0, 0));
    });
    corpus.ask("the same once more", taken,
               [](Run& run) { run.configure(run.card.proxy, 1, queue_size, ours); });
    corpus.ask("other numbers for a flow engine that is there", configure, [](Run& run) {
        run.configure(run.card.proxy, 1, queue_size, resources(2048, 64, 64));
    });
    corpus.ask("a vport started before the proxy", start, [](Run& run) { run.start(run.card.vm); });
    corpus.ask("a jump to group 0 before the start", actions, [](Run& run) {
        TestActions jump;
        jump.jump(0);
        run.actions(jump);
    });
    corpus.ask("a table before the start", table,
               [](Run& run) { run.pattern(tagged()).actions(dropping()).table(from_any); });
    corpus.driver_is_not_asked("it would take our group for another, without a word");
    corpus.ask("all ports, proxy first", taken, [](Run& run) {
        for (const std::uint16_t port :
             {run.card.proxy, run.card.other_wire, run.card.vm, run.card.other_vm})
            run.start(port);
    });
    corpus.ask("a flow engine of a port that is started", configure, [](Run& run) {
        run.configure(run.card.proxy, 1, queue_size, resources(2048, 64, 64));
    });
}

void add_right_patterns(Corpus& corpus) {
    using enum Answer;
    corpus.pattern("tag and Ethernet", taken, [](TestPattern& p) { p.tag(1).ethernet(); });
    corpus.pattern("three tags", taken,
                   [](TestPattern& p) { p.tag(1, 0).tag(2, 1).tag(3, 2).ethernet(); });
    corpus.pattern("represented port", taken, [](TestPattern& p) { p.port(0).ethernet(); });
    corpus.pattern("IPv4 address", taken, [](TestPattern& p) { p.ethernet().ipv4_to(0xc0000201); });
    corpus.pattern("IPv6 address", taken, [](TestPattern& p) { p.ethernet().ipv6(0, 16); });
    corpus.pattern("VXLAN", taken, [](TestPattern& p) { p.ethernet().ipv4_to(1).udp().vxlan(77); });
    corpus.pattern("frame in VXLAN", taken, [](TestPattern& p) {
        p.ethernet().ipv4_to(1).udp().vxlan(77).ethernet().ipv4_to(2);
    });
    corpus.pattern("VLAN", taken, [](TestPattern& p) {
        rte_flow_item_vlan mask{};
        mask.hdr.vlan_tci = RTE_BE16(0x0fff);
        p.ethernet().add_mask(RTE_FLOW_ITEM_TYPE_VLAN, mask);
    });
    corpus.pattern("untagged", taken, [](TestPattern& p) {
        rte_flow_item_eth mask{};
        mask.has_vlan = 1;
        p.add_mask(RTE_FLOW_ITEM_TYPE_ETH, mask);
    });
    corpus.pattern("L3 integrity", taken, [](TestPattern& p) {
        rte_flow_item_integrity mask{};
        mask.l3_ok = mask.ipv4_csum_ok = 1;
        p.add(RTE_FLOW_ITEM_TYPE_INTEGRITY, mask, mask).ethernet().ipv4_to(1);
    });
    corpus.pattern("meter colour", taken, [](TestPattern& p) {
        rte_flow_item_meter_color spec{}, mask{};
        mask.color = static_cast<rte_color>(UINT32_MAX);
        p.tag(1).add(RTE_FLOW_ITEM_TYPE_METER_COLOR, spec, mask).ethernet();
    });
    corpus.pattern("fragments", taken, [](TestPattern& p) {
        rte_flow_item_ipv4 mask{};
        mask.hdr.fragment_offset = RTE_BE16(0x3fff);
        p.ethernet().add_mask(RTE_FLOW_ITEM_TYPE_IPV4, mask);
    });
    corpus.pattern("IPv4 total length", taken, [](TestPattern& p) {
        rte_flow_item_ipv4 mask{};
        mask.hdr.total_length = RTE_BE16(0xffe0);
        p.tag(1).ethernet().add_mask(RTE_FLOW_ITEM_TYPE_IPV4, mask);
    });
    corpus.pattern("SPI", taken, [](TestPattern& p) {
        rte_flow_item_ipv4 spec{}, mask{};
        spec.hdr.next_proto_id = IPPROTO_ESP;
        mask.hdr.next_proto_id = UINT8_MAX;
        rte_flow_item_esp esp{};
        esp.hdr.spi = UINT32_MAX;
        p.ethernet().add(RTE_FLOW_ITEM_TYPE_IPV4, spec, mask).add_mask(RTE_FLOW_ITEM_TYPE_ESP, esp);
    });
    corpus.pattern("TCP flags", taken, [](TestPattern& p) {
        rte_flow_item_tcp mask{};
        mask.hdr.tcp_flags = UINT8_MAX;
        p.ethernet().ipv4_to(1).add_mask(RTE_FLOW_ITEM_TYPE_TCP, mask);
    });
}

void add_wrong_metadata(Corpus& corpus) {
    using enum Answer;
    corpus.pattern("port without a mask", pattern,
                   [](TestPattern& p) { p.add(RTE_FLOW_ITEM_TYPE_REPRESENTED_PORT).ethernet(); });
    corpus.driver_says(taken, "it takes it for any port");
    corpus.pattern("integrity of the whole packet", pattern, [](TestPattern& p) {
        rte_flow_item_integrity mask{};
        mask.packet_ok = 1;
        p.add(RTE_FLOW_ITEM_TYPE_INTEGRITY, mask, mask).ethernet();
    });
    corpus.pattern("integrity of L2", pattern, [](TestPattern& p) {
        rte_flow_item_integrity mask{};
        mask.l2_ok = 1;
        p.add(RTE_FLOW_ITEM_TYPE_INTEGRITY, mask, mask).ethernet();
    });
    corpus.pattern("tag without a spec", pattern, [](TestPattern& p) {
        rte_flow_item_tag mask{};
        mask.data = UINT32_MAX;
        mask.index = UINT8_MAX;
        p.add_mask(RTE_FLOW_ITEM_TYPE_TAG, mask).ethernet();
    });
    corpus.pattern("tag 12", pattern, [](TestPattern& p) { p.tag(1, 12).ethernet(); });
    corpus.pattern("tag without a register", pattern,
                   [](TestPattern& p) { p.tag(1, 7).ethernet(); });
    corpus.pattern("the same tag twice", pattern,
                   [](TestPattern& p) { p.tag(1).tag(2).ethernet(); });
    corpus.pattern("META", pattern, [](TestPattern& p) {
        rte_flow_item_meta mask{};
        mask.data = UINT32_MAX;
        p.add(RTE_FLOW_ITEM_TYPE_META, mask, mask).ethernet();
    });
    corpus.driver_says(taken, "it matches a register that the E-Switch has not");
    for (const auto& [name, type] :
         {std::pair{"port representor", RTE_FLOW_ITEM_TYPE_PORT_REPRESENTOR},
          std::pair{"MARK", RTE_FLOW_ITEM_TYPE_MARK},
          std::pair{"PORT_ID", RTE_FLOW_ITEM_TYPE_PORT_ID}})
        corpus.pattern(name, pattern, [type = type](TestPattern& p) {
            rte_flow_item_port_id any{};
            any.id = UINT32_MAX;
            p.add(type, any, any).ethernet();
        });
    corpus.ask("pattern: a range", pattern, [](Run& run) {
        rte_flow_item_ipv4 spec{}, last{}, mask{};
        last.hdr.dst_addr = mask.hdr.dst_addr = UINT32_MAX;
        const std::array<rte_flow_item, 3> items{
            {{.type = RTE_FLOW_ITEM_TYPE_ETH, .spec = nullptr, .last = nullptr, .mask = nullptr},
             {.type = RTE_FLOW_ITEM_TYPE_IPV4, .spec = &spec, .last = &last, .mask = &mask},
             {}}};
        run.items(items.data());
    });
    corpus.pattern("seventeen items", pattern, [](TestPattern& p) {
        for (unsigned i = 0; i < 17; ++i)
            p.add(RTE_FLOW_ITEM_TYPE_VOID);
    });
    corpus.driver_says(taken, "it has room where it adds none of its own; not to be relied on");
    corpus.pattern("more than a match key holds", pattern,
                   [](TestPattern& p) { p.tag(1).ethernet().ipv6(16, 16); });
    corpus.ask("pattern: on a vport", pattern,
               [](Run& run) { run.items(tagged().items(), run.card.vm); });
    corpus.ask("pattern: on the second wire port", pattern,
               [](Run& run) { run.items(tagged().items(), run.card.other_wire); });
}

template<typename T>
std::function<void(TestPattern&)> masked(rte_flow_item_type type, std::size_t octet,
                                         std::function<void(TestPattern&)> before) {
    return [=](TestPattern& p) {
        T mask;
        std::memset(&mask, 0, sizeof mask);
        reinterpret_cast<std::uint8_t*>(&mask)[octet] = UINT8_MAX;
        before(p);
        p.add_mask(type, mask);
    };
}

void add_wrong_headers(Corpus& corpus) {
    using enum Answer;
    const auto nothing = [](TestPattern&) {};
    const auto l2 = [](TestPattern& p) { p.ethernet(); };
    const auto l3 = [](TestPattern& p) { p.ethernet().ipv4_to(1); };
    corpus.pattern("Ethernet twice", pattern, [](TestPattern& p) { p.ethernet().ethernet(); });
    corpus.pattern("Ethernet behind IP", pattern, [](TestPattern& p) { p.ipv4_to(1).ethernet(); });
    corpus.pattern("Ethernet behind VLAN", pattern,
                   [](TestPattern& p) { p.add(RTE_FLOW_ITEM_TYPE_VLAN).ethernet(); });
    corpus.pattern(
        "reserved bits of Ethernet", pattern,
        masked<rte_flow_item_eth>(RTE_FLOW_ITEM_TYPE_ETH, sizeof(rte_flow_item_eth) - 1, nothing));
    corpus.pattern("VLAN twice", pattern, [](TestPattern& p) {
        p.ethernet().add(RTE_FLOW_ITEM_TYPE_VLAN).add(RTE_FLOW_ITEM_TYPE_VLAN);
    });
    corpus.pattern("VLAN behind IP", pattern,
                   [](TestPattern& p) { p.ethernet().ipv4_to(1).add(RTE_FLOW_ITEM_TYPE_VLAN); });
    corpus.pattern("IPv4 twice", pattern,
                   [](TestPattern& p) { p.ethernet().ipv4_to(1).ipv4_to(2); });
    corpus.driver_says(taken, "it is IP in IP, which we do not use");
    corpus.pattern("IPv4 behind UDP", pattern,
                   [](TestPattern& p) { p.ethernet().udp().ipv4_to(2); });
    corpus.pattern("IPv4 checksum", pattern,
                   masked<rte_flow_item_ipv4>(RTE_FLOW_ITEM_TYPE_IPV4,
                                              offsetof(rte_ipv4_hdr, hdr_checksum), l2));
    corpus.pattern("a certain fragment", pattern, [](TestPattern& p) {
        rte_flow_item_ipv4 spec{}, mask{};
        spec.hdr.fragment_offset = RTE_BE16(0x2000);
        mask.hdr.fragment_offset = RTE_BE16(0x3fff);
        p.ethernet().add(RTE_FLOW_ITEM_TYPE_IPV4, spec, mask);
    });
    corpus.pattern("IPv6 extension header as protocol", pattern, [](TestPattern& p) {
        rte_flow_item_ipv6 spec{}, mask{};
        spec.hdr.proto = IPPROTO_FRAGMENT;
        mask.hdr.proto = UINT8_MAX;
        p.ethernet().add(RTE_FLOW_ITEM_TYPE_IPV6, spec, mask);
    });
    corpus.pattern("UDP twice", pattern,
                   [](TestPattern& p) { p.ethernet().ipv4_to(1).udp().udp(); });
    corpus.pattern(
        "UDP checksum", pattern,
        masked<rte_flow_item_udp>(RTE_FLOW_ITEM_TYPE_UDP, offsetof(rte_udp_hdr, dgram_cksum), l3));
    corpus.pattern(
        "UDP length", pattern,
        masked<rte_flow_item_udp>(RTE_FLOW_ITEM_TYPE_UDP, offsetof(rte_udp_hdr, dgram_len), l3));
    corpus.pattern(
        "TCP sequence number", pattern,
        masked<rte_flow_item_tcp>(RTE_FLOW_ITEM_TYPE_TCP, offsetof(rte_tcp_hdr, sent_seq), l3));
    corpus.pattern("VXLAN in VXLAN", pattern, [](TestPattern& p) {
        p.ethernet().ipv4_to(1).udp().vxlan(1).ethernet().ipv4_to(2).udp().vxlan(2);
    });
    corpus.pattern("ESP in UDP", taken, [](TestPattern& p) {
        p.ethernet().ipv4_to(1).udp().add(RTE_FLOW_ITEM_TYPE_ESP);
    });
    corpus.pattern("ESP sequence number", taken, [](TestPattern& p) {
        rte_flow_item_ipv4 spec{}, mask{};
        spec.hdr.next_proto_id = IPPROTO_ESP;
        mask.hdr.next_proto_id = UINT8_MAX;
        rte_flow_item_esp esp{};
        esp.hdr.seq = UINT32_MAX;
        p.ethernet().add(RTE_FLOW_ITEM_TYPE_IPV4, spec, mask).add_mask(RTE_FLOW_ITEM_TYPE_ESP, esp);
    });
    corpus.pattern("ESP without its protocol", pattern, [](TestPattern& p) {
        rte_flow_item_esp esp{};
        esp.hdr.spi = UINT32_MAX;
        p.ethernet().ipv4_to(1).add_mask(RTE_FLOW_ITEM_TYPE_ESP, esp);
    });
    corpus.driver_says(taken, "it takes it, and matches any IP packet");
}

void add_actions(Corpus& corpus) {
    using enum Answer;
    corpus.actions("count and drop", taken, [](TestActions& a) { a.count().drop(); });
    corpus.actions("all in order", taken,
                   [](TestActions& a) { a.count().set_tag(1).encap(50).jump(3); });
    corpus.actions("decapsulate", taken,
                   [](TestActions& a) { a.decap().count().set_tag(1).jump(3); });
    corpus.actions("to a port of the rule's", taken, [](TestActions& a) { a.count().to_port(0); });
    corpus.actions("to a port of the template's", taken,
                   [](TestActions& a) { a.to_fixed_port(0); });
    corpus.actions("to the CPU", taken, [](TestActions& a) { a.to_cpu(); });
    corpus.actions("age", taken, [](TestActions& a) { a.age().drop(); });
    corpus.actions("a meter of the rule's", taken, [](TestActions& a) {
        a.add(RTE_FLOW_ACTION_TYPE_METER_MARK, rte_flow_action_meter_mark{},
              rte_flow_action_meter_mark{})
            .jump(3);
    });
    corpus.actions("a jump of the rule's", taken, [](TestActions& a) {
        a.add(RTE_FLOW_ACTION_TYPE_JUMP, rte_flow_action_jump{}, rte_flow_action_jump{});
    });
    corpus.actions("encapsulate before the count", table,
                   [](TestActions& a) { a.encap(50).count().jump(3); });
    corpus.driver_is_not_asked("it refuses the table, and leaves its arguments behind");
    corpus.actions("decapsulate behind a change", actions,
                   [](TestActions& a) { a.set_tag(1).decap().jump(3); });
    corpus.actions("count behind a change", table,
                   [](TestActions& a) { a.set_tag(1).count().jump(3); });
    corpus.actions("change behind the encapsulation", table,
                   [](TestActions& a) { a.encap(50).set_tag(1).jump(3); });
    corpus.driver_is_not_asked("it refuses the table, and leaves its arguments behind");
    corpus.actions("two ends", table, [](TestActions& a) { a.jump(3).drop(); });
    corpus.actions("no end", actions, [](TestActions& a) { a.count(); });
    corpus.driver_says(taken, "the packet goes wherever the group's misses go");
    corpus.actions("two counts", actions, [](TestActions& a) { a.count().count().drop(); });
    corpus.actions("two meters", table, [](TestActions& a) {
        for (unsigned i = 0; i < 2; ++i)
            a.add(RTE_FLOW_ACTION_TYPE_METER_MARK, rte_flow_action_meter_mark{},
                  rte_flow_action_meter_mark{});
        a.jump(3);
    });
    corpus.actions("the mask of another action", actions, [](TestActions& a) {
        a.count().drop();
        a.last_mask().type = RTE_FLOW_ACTION_TYPE_JUMP;
    });
    for (const auto& [name, type] : {std::pair{"SET_TAG", RTE_FLOW_ACTION_TYPE_SET_TAG},
                                     std::pair{"SET_MAC_DST", RTE_FLOW_ACTION_TYPE_SET_MAC_DST},
                                     std::pair{"DEC_TTL", RTE_FLOW_ACTION_TYPE_DEC_TTL},
                                     std::pair{"PASSTHRU", RTE_FLOW_ACTION_TYPE_PASSTHRU}})
        corpus.actions(name, actions, [type = type](TestActions& a) { a.add(type).drop(); });
    corpus.actions("seventeen", actions, [](TestActions& a) {
        for (unsigned i = 0; i < 17; ++i)
            a.set_tag(i);
        a.drop();
    });
    corpus.driver_says(table, "it takes changes for one action, and finds that they are too many");
    corpus.actions("two encapsulations", actions,
                   [](TestActions& a) { a.encap(50).encap(50).jump(3); });
    corpus.actions("decapsulate and encapsulate", actions,
                   [](TestActions& a) { a.decap().encap(50).jump(3); });
    corpus.driver_says(taken, "no card of ours has been asked whether it does both");
}

void add_spoilt_actions(Corpus& corpus) {
    using enum Answer;
    using Modify = rte_flow_action_modify_field;
    const auto encap = [](std::size_t size, std::size_t masked) {
        return [=](TestActions& a) {
            static const std::array<std::uint8_t, 256> octets{};
            rte_flow_action_raw_encap conf{}, mask{};
            conf.data = const_cast<std::uint8_t*>(octets.data());
            conf.size = size;
            mask.size = masked;
            a.add(RTE_FLOW_ACTION_TYPE_RAW_ENCAP, conf, mask).jump(3);
        };
    };
    corpus.actions("encapsulation whose size is not masked", actions, encap(50, 0));
    corpus.actions("encapsulation of no size", actions, encap(0, 50));
    corpus.actions("encapsulation without an Ethernet header's room", actions, encap(20, 20));
    corpus.actions("encapsulation beyond what the device takes", actions, encap(200, 200));
    corpus.driver_says(taken, "it does not look; the manual's limit is the firmware's");
    corpus.actions("a jump without a group", actions, [](TestActions& a) {
        a.jump(3);
        a.last_action().conf = nullptr;
    });
    corpus.actions("a jump beyond the groups", actions, [](TestActions& a) { a.jump(UINT32_MAX); });
    corpus.actions("a fixed port that is none", actions,
                   [](TestActions& a) { a.to_fixed_port(31); });
    corpus.actions("a fixed port that is missing", actions, [](TestActions& a) {
        a.to_fixed_port(0);
        a.last_action().conf = nullptr;
    });
    corpus.actions("the CPU by a port's number", actions, [](TestActions& a) { a.to_cpu(1); });
    corpus.actions("PUSH_VLAN alone", actions, [](TestActions& a) {
        rte_flow_action_of_push_vlan push{};
        push.ethertype = RTE_BE16(0x8100);
        a.add(RTE_FLOW_ACTION_TYPE_OF_PUSH_VLAN, push, push).drop();
    });
    corpus.modify("of the rule's value", taken, [](ModifyPair&) {});
    corpus.modify("of another operation in the mask", actions,
                  [](ModifyPair& m) { m.mask.operation = RTE_FLOW_MODIFY_ADD; });
    corpus.modify("of another field in the mask", actions,
                  [](ModifyPair& m) { m.mask.dst.field = RTE_FLOW_FIELD_META; });
    corpus.modify("whose level is not masked", actions,
                  [](ModifyPair& m) { m.mask.dst.level = 0; });
    corpus.modify("whose offset is not masked", actions,
                  [](ModifyPair& m) { m.mask.dst.offset = 0; });
    corpus.modify("whose width is not masked", actions, [](ModifyPair& m) { m.mask.width = 0; });
    corpus.modify("whose source is another in the mask", actions,
                  [](ModifyPair& m) { m.mask.src.field = RTE_FLOW_FIELD_TAG; });
    corpus.modify("beyond the field", actions, [](ModifyPair& m) { m.action.width = 33; });
    corpus.driver_says(taken, "it does not look, and changes what it can");
    corpus.modify("of no width", actions, [](ModifyPair& m) { m.action.width = 0; });
    corpus.driver_says(taken, "likewise");
    corpus.modify("of an immediate value", actions, [](ModifyPair& m) {
        m.action.dst.field = m.mask.dst.field = RTE_FLOW_FIELD_VALUE;
    });
    corpus.modify("of META", table, [](ModifyPair& m) {
        m.action.dst.field = m.mask.dst.field = RTE_FLOW_FIELD_META;
    });
    corpus.modify("of MARK", table, [](ModifyPair& m) {
        m.action.dst.field = m.mask.dst.field = RTE_FLOW_FIELD_MARK;
    });
#if RTE_VERSION >= RTE_VERSION_NUM(23, 11, 0, 0)
    corpus.modify("of a tag without a register", actions,
                  [](ModifyPair& m) { m.action.dst.tag_index = 7; });
#endif
    corpus.ask("actions: modify_field without a configuration", actions, [](Run& run) {
        const Modify mask = modify_tag().mask;
        const std::array<rte_flow_action, 3> actions{
            {{.type = RTE_FLOW_ACTION_TYPE_MODIFY_FIELD, .conf = nullptr},
             {.type = RTE_FLOW_ACTION_TYPE_DROP, .conf = nullptr},
             {}}};
        std::array<rte_flow_action, 3> masks = actions;
        masks[0].conf = &mask;
        run.actions(actions.data(), masks.data());
    });
    corpus.driver_is_not_asked("it reads through the null pointer");
}

void add_tables(Corpus& corpus) {
    using enum Answer;
    const auto with = [&corpus](std::string name, Answer expected, TableAttributes attributes) {
        corpus.ask("table: " + std::move(name), expected, [attributes](Run& run) {
            run.pattern(tagged()).actions(dropping()).table(attributes);
        });
    };
    with("as it should be", taken, from_vports);
    with("for no rules", table, {.group = 1, .priority = 0, .rules = 0, .origin = Origin::vport});
    with("of a low priority", taken,
         {.group = 1, .priority = 21844, .rules = 1, .origin = Origin::vport});
    with("beyond the groups", table,
         {.group = UINT32_MAX, .priority = 0, .rules = 1, .origin = Origin::vport});
    corpus.ask("table: without templates", table, [](Run& run) { run.table(from_vports); });
    corpus.ask("table: on a vport", table, [](Run& run) {
        run.pattern(tagged()).actions(dropping()).table(from_vports, run.card.vm);
    });
    corpus.driver_is_not_asked(
        "it takes it, and the vport's engine then owns what the proxy's made");
    corpus.ask("table: of two masks", table, [](Run& run) {
        TestPattern wider;
        wider.tag(1).ethernet().ipv4_to(1);
        run.pattern(tagged()).pattern(wider).actions(dropping()).table(from_vports);
    });
    corpus.ask("table: of two patterns of one mask", taken, [](Run& run) {
        run.pattern(tagged(1)).pattern(tagged(2)).actions(dropping()).table(from_vports);
    });
    corpus.ask("table: of two sets of actions", taken, [](Run& run) {
        TestActions jump;
        jump.count().jump(3);
        run.pattern(tagged()).actions(dropping()).actions(jump).table(from_vports);
    });
    corpus.ask("table: decapsulates what VMs send", table, [](Run& run) {
        TestActions decap;
        decap.decap().jump(3);
        run.pattern(tagged()).actions(decap).table(from_vports);
    });
    corpus.driver_says(taken, "it is the firmware that refuses, or the packet that is lost");
    corpus.ask("table: encapsulates what the wire brings", table, [](Run& run) {
        TestActions encap;
        encap.encap(50).jump(3);
        run.pattern(tagged()).actions(encap).table(from_wire);
    });
    corpus.driver_says(taken, "likewise");
    corpus.ask("table: from wire to wire", table, [](Run& run) {
        TestActions to_wire;
        to_wire.to_fixed_port(run.card.other_wire);
        run.pattern(tagged()).actions(to_wire).table(from_wire);
    });
    corpus.driver_says(taken, "it takes it, and the E-Switch drops the packet");
    corpus.ask("table: of another origin in the group", table, [](Run& run) {
        run.pattern(tagged()).actions(dropping()).table(from_vports).table(from_wire);
    });
    corpus.driver_says(taken, "24.11 takes it, 25.03 and later do not");
    corpus.ask("table: of group 0 for any port", table, [](Run& run) {
        run.pattern(tagged())
            .actions(dropping())
            .table({.group = 0, .priority = 0, .rules = 4, .origin = Origin::any});
    });
    corpus.driver_says(taken, "it takes it, and catches what the CPU sends");
    corpus.ask("template of a pattern in use", destroy, [](Run& run) {
        run.pattern(tagged()).actions(dropping()).table(from_vports).destroy_last_pattern();
    });
    corpus.ask("template of actions in use", destroy, [](Run& run) {
        run.pattern(tagged()).actions(dropping()).table(from_vports).destroy_last_actions();
    });
}

/// A table of tags from vports with a set of actions, and then?
void rule_of(Run& run, const TestActions& actions,
             const TableAttributes& attributes = from_vports) {
    run.pattern(tagged()).actions(actions).table(attributes).rule(tagged(), actions);
}

void add_rules(Corpus& corpus) {
    using enum Answer;
    const auto of = [&corpus](std::string name, Answer expected,
                              std::function<void(TestActions&, const CorpusCard&)> write,
                              TableAttributes attributes = from_vports) {
        corpus.ask("rule: " + std::move(name), expected,
                   [write = std::move(write), attributes](Run& run) {
                       TestActions actions;
                       write(actions, run.card);
                       rule_of(run, actions, attributes);
                   });
    };
    using Card = CorpusCard;
    of("drops", taken, [](TestActions& a, const Card&) { a.drop(); });
    of("counts", taken, [](TestActions& a, const Card&) { a.count().jump(3); });
    of("changes and encapsulates", taken,
       [](TestActions& a, const Card&) { a.count().set_tag(5).encap(50).jump(3); });
    of("encapsulates in IPv6", taken,
       [](TestActions& a, const Card&) { a.count().set_tag(5).encap(70).jump(3); });
    of(
        "decapsulates", taken,
        [](TestActions& a, const Card&) { a.decap().count().set_tag(5).jump(3); }, from_wire);
    of("to a vport", taken, [](TestActions& a, const Card& card) { a.count().to_port(card.vm); });
    of("to a wire port", taken,
       [](TestActions& a, const Card& card) { a.count().to_port(card.other_wire); });
    of("to the CPU", taken, [](TestActions& a, const Card&) { a.to_cpu(); });
    of("to a port that is none", rule,
       [](TestActions& a, const Card& card) { a.to_port(card.stranger); });
    of(
        "from wire to wire", rule,
        [](TestActions& a, const Card& card) { a.to_port(card.other_wire); }, from_wire);
    corpus.driver_says(taken, "likewise");
    corpus.ask("rule: for a port", taken, [](Run& run) {
        TestPattern pattern;
        pattern.port(run.card.vm).ethernet();
        const TestActions drop = dropping();
        run.pattern(pattern).actions(drop).table(from_any).rule(pattern, drop);
    });
    corpus.ask("rule: for a port that is none", rule, [](Run& run) {
        TestPattern pattern, wrong;
        pattern.port(run.card.vm).ethernet();
        wrong.port(run.card.stranger).ethernet();
        const TestActions drop = dropping();
        run.pattern(pattern).actions(drop).table(from_any).rule(wrong, drop);
    });
    corpus.driver_says(taken, "it matches what no port sends");
    const auto asked = [](Run& run, std::uint8_t pattern, std::uint8_t actions, std::uint32_t queue,
                          std::optional<std::uint16_t> port) {
        const TestActions drop = dropping();
        const TestPattern items = tagged();
        run.pattern(items).actions(drop).table(from_vports);
        run.rule(items.rule().data(), pattern, drop.actions(), actions, true, queue, port);
    };
    corpus.ask("rule: of a pattern that the table has not", rule,
               [asked](Run& run) { asked(run, 1, 0, 0, {}); });
    corpus.driver_is_not_asked("it looks only where it was built to debug");
    corpus.ask("rule: of actions that the table has not", rule,
               [asked](Run& run) { asked(run, 0, 1, 0, {}); });
    corpus.driver_is_not_asked("likewise");
    corpus.ask("rule: in a queue that is none", rule,
               [asked](Run& run) { asked(run, 0, 0, 9, {}); });
    corpus.driver_is_not_asked("likewise");
    corpus.ask("rule: other actions than the template's", rule, [](Run& run) {
        TestActions counted;
        counted.count().drop();
        run.pattern(tagged()).actions(dropping()).table(from_vports).rule(tagged(), counted);
    });
    corpus.driver_is_not_asked("it reads the rule's actions by the template's places");
    corpus.ask("rule: an encapsulation without a header", rule, [](Run& run) {
        TestActions encap;
        encap.encap(50).jump(3);
        std::vector<rte_flow_action> without(encap.actions(), encap.actions() + 3);
        without[0].conf = nullptr;
        run.pattern(tagged()).actions(encap).table(from_vports);
        run.rule(tagged().rule().data(), 0, without.data(), 0);
    });
    corpus.driver_is_not_asked("it reads the header through a null pointer");
    corpus.ask("rule: the same key twice", taken, [](Run& run) {
        const TestActions drop = dropping();
        run.pattern(tagged()).actions(drop).table(from_vports).rule(tagged(), drop);
        run.rule(tagged(), drop);
    });
    corpus.ask("rule: counts are asked for", taken, [](Run& run) {
        TestActions counted;
        counted.count().drop();
        rule_of(run, counted);
        run.query();
    });
    corpus.ask("rule: counts that it has not are asked for", query, [](Run& run) {
        rule_of(run, dropping());
        run.query();
    });
    corpus.ask("rule: a table with rules destroyed", destroy, [](Run& run) {
        rule_of(run, dropping());
        run.destroy_last_table();
    });
    corpus.ask("rule: destroyed, and its table", taken, [](Run& run) {
        rule_of(run, dropping());
        run.destroy_rule().destroy_last_table();
    });
    corpus.ask("rule: destroyed before its creation has been pulled", destroy, [](Run& run) {
        const TestActions drop = dropping();
        const TestPattern items = tagged();
        run.pattern(items).actions(drop).table(from_vports);
        run.rule(items.rule().data(), 0, drop.actions(), 0, false).destroy_rule();
    });
    corpus.ask("rule: updated", taken, [](Run& run) {
        TestActions set;
        set.count().set_tag(5).jump(3);
        rule_of(run, set);
        run.update(set.actions(), 0).query();
    });
    corpus.ask("rule: updated to the table's other actions", taken, [](Run& run) {
        TestActions set;
        set.count().set_tag(5).jump(3);
        const TestActions drop = dropping();
        run.pattern(tagged()).actions(drop).actions(set).table(from_vports);
        run.rule(tagged(), drop).update(set.actions(), 1).query();
    });
    corpus.ask("rule: updated before its creation has been pulled", update, [](Run& run) {
        const TestActions drop = dropping();
        const TestPattern items = tagged();
        run.pattern(items).actions(drop).table(from_vports);
        run.rule(items.rule().data(), 0, drop.actions(), 0, false).update(drop.actions(), 0);
    });
    corpus.ask("rule: more operations than the queue has room", rule, [](Run& run) {
        const TestActions drop = dropping();
        run.pattern(tagged()).actions(drop).table(
            {.group = 1, .priority = 0, .rules = 4 * queue_size, .origin = Origin::vport});
        for (unsigned i = 0; i < 2 * queue_size; ++i)
            run.rule(tagged(i).rule().data(), 0, drop.actions(), 0, false);
    });
    corpus.ask("rule: one more than the table holds", rule, [](Run& run) {
        const TestActions drop = dropping();
        run.pattern(tagged()).actions(drop).table(
            {.group = 1, .priority = 0, .rules = 1, .origin = Origin::vport});
        for (unsigned i = 0; i < 2; ++i)
            run.rule(tagged(i), drop);
    });
}

rte_mtr_meter_profile limit(std::uint64_t octets_per_second, std::uint64_t burst) {
    rte_mtr_meter_profile profile{};
    profile.alg = RTE_MTR_SRTCM_RFC2697;
    profile.srtcm_rfc2697.cir = octets_per_second;
    profile.srtcm_rfc2697.cbs = burst;
    return profile;
}

void add_meters(Corpus& corpus) {
    using enum Answer;
    const auto of = [&corpus](std::string name, Answer expected, rte_mtr_meter_profile profile,
                              std::uint32_t id) {
        corpus.ask("meter profile: " + std::move(name), expected,
                   [=](Run& run) { run.profile(profile, id); });
    };
    of("12.5 MB/s", taken, limit(12'500'000, 100'000), 1);
    of("of no rate", profile, limit(0, 100'000), 1);
    of("of no burst", profile, limit(12'500'000, 0), 1);
    of("faster than meters are", profile, limit(UINT64_MAX, 100'000), 1);
    of("a longer burst than meters have", profile, limit(12'500'000, UINT64_MAX), 1);
    of("of the number that is none", profile, limit(12'500'000, 100'000), UINT32_MAX);
    corpus.ask("meter profile: a number twice", profile, [](Run& run) {
        run.profile(limit(12'500'000, 100'000)).profile(limit(12'500'000, 100'000));
    });
    corpus.ask("meter profile: removed that is not there", profile,
               [](Run& run) { run.remove_profile(77); });
    corpus.ask("rule: meters", taken, [](Run& run) {
        run.profile(limit(12'500'000, 100'000));
        rte_flow_action_meter_mark meter{};
        meter.profile = run.last_profile();
        meter.color_mode = 0;
        meter.state = 1;
        TestActions actions;
        actions.add(RTE_FLOW_ACTION_TYPE_METER_MARK, meter, rte_flow_action_meter_mark{})
            .set_tag(1)
            .jump(3);
        rule_of(run, actions);
        run.destroy_rule();
    });
}

/// Our own tables, pattern by pattern, with a rule of each set of actions.
void add_stages(Corpus& corpus) {
    for (std::size_t id = 0; id < stage_count; ++id) {
        const Stage& of = stage(static_cast<StageId>(id));
        for (std::uint8_t pattern = 0; pattern < of.patterns; ++pattern) {
            corpus.ask(std::string("our table ") + of.name + ", pattern " + std::to_string(pattern),
                       Answer::taken, [&of, pattern](Run& run) {
                           const std::uint16_t port =
                               of.origin == Origin::vport ? run.card.other_wire : run.card.vm;
                           RuleMatch match{.port = run.card.vm, .tag = 1, .length = 1500};
                           RuleEffect effect{.port = port, .tag = 2};
                           run.profile(limit(12'500'000, 100'000));
                           effect.meter = run.last_profile();
                           PatternBuilder made;
                           of.write_pattern(made, pattern, match, {});
                           run.items(made.for_template());
                           for (std::uint8_t set = 0; set < of.action_sets; ++set) {
                               ActionsBuilder actions;
                               of.write_actions(actions, set, effect);
                               const rte_flow_action* const list = actions.actions();
                               run.actions(list, actions.masks());
                           }
                           run.table({of.group, of.priority, 64, of.origin});
                           for (std::uint8_t set = 0; set < of.action_sets; ++set) {
                               PatternBuilder items;
                               match.tag += 1;
                               of.write_pattern(items, pattern, match, {});
                               ActionsBuilder actions;
                               of.write_actions(actions, set, effect);
                               run.rule(items.for_rule(), 0, actions.actions(), set);
                           }
                       });
        }
    }
}

} // namespace

std::vector<CorpusEntry> verdict_corpus() {
    Corpus corpus;
    add_configuration(corpus);
    add_right_patterns(corpus);
    add_wrong_metadata(corpus);
    add_wrong_headers(corpus);
    add_actions(corpus);
    add_spoilt_actions(corpus);
    add_tables(corpus);
    add_rules(corpus);
    add_meters(corpus);
    add_stages(corpus);
    corpus.ask("the proxy stopped before the vports", Answer::stop,
               [](Run& run) { run.stop(run.card.proxy); });
    return corpus.take();
}

} // namespace sallyport::eswitch
