// SPDX-License-Identifier: BSD-3-Clause
#include "shell/command_set.h"

#include "shell/cmdline_instance.h"
#include "shell/command_spec.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <cmdline.h>
#include <spdlog/spdlog.h>

namespace sallyport::shell {

namespace {

constexpr std::size_t most_usages = 8;
constexpr std::size_t offer_width = 24;
// Of an answer that is not worth a thread of its own.
constexpr std::size_t few_rows = 256;

struct CmdlineFree {
    void operator()(cmdline* context) const { cmdline_free(context); }
};

struct Command {
    std::vector<WordSpec> words;
    std::string help;
    CommandSet::Handler handler;
    bool has_json = false;

    [[nodiscard]] std::string usage() const {
        return shell::usage(words) + (has_json ? " [json]" : "");
    }
};

bool is_control(char c) {
    auto octet = static_cast<unsigned char>(c);
    return (octet < 0x20 && c != '\t') || octet == 0x7f;
}

CommandSet::Reply refused(const std::string& message) {
    return {.done = false, .text = "error: " + message + '\n', .then = Then::go_on};
}

/// librte_cmdline offers a line as "WORD [TOKEN]: HELP" or "[TOKEN]: HELP".
struct Offer {
    std::string word;
    std::string help;
};

Offer split_offer(const std::string& line) {
    std::size_t bracket = line.find('[');
    std::size_t help = line.find("]: ");
    if (bracket == std::string::npos || help == std::string::npos) {
        std::string word = line.substr(0, line.find(' '));
        return {word == "[RETURN]" ? "<Enter>" : word, "run the command"};
    }
    std::string word = line.substr(0, bracket);
    while (!word.empty() && word.back() == ' ')
        word.pop_back();
    if (word.empty()) word = line.substr(bracket + 1, help - bracket - 1);
    return {word, line.substr(help + 3)};
}

/// One line a word: what several commands begin with has no one help text.
CommandSet::Offers merge(const std::vector<Offer>& offers) {
    std::vector<Offer> merged;
    for (const Offer& offer : offers) {
        auto same = std::find_if(merged.begin(), merged.end(),
                                 [&](const Offer& other) { return other.word == offer.word; });
        if (same == merged.end())
            merged.push_back(offer);
        else if (same->help != offer.help)
            same->help = "...";
    }
    CommandSet::Offers lines;
    for (const Offer& offer : merged) {
        std::size_t padding = offer.word.size() < offer_width ? offer_width - offer.word.size() : 1;
        lines.push_back(offer.word + std::string(padding, ' ') + offer.help);
    }
    return lines;
}

} // namespace

struct CommandSet::Implementation {
    /// One spelling of a command: with or without "json".
    struct Variant {
        Implementation* owner;
        const Command* command;
        bool json;
        std::unique_ptr<Instruction> instruction;
    };

    std::vector<std::unique_ptr<Command>> commands;
    ChoicesByKind choices;
    Aside run_aside;
    std::vector<std::unique_ptr<Variant>> variants;
    std::vector<cmdline_parse_inst_t*> context;
    std::unique_ptr<cmdline, CmdlineFree> parser;

    // What the parser found, for the run() under way.
    const Variant* matched = nullptr;
    std::vector<std::string> words;

    static void on_match(void* result, cmdline* parser, void* data);
    void add_variant(const Command& command, bool json);
    cmdline* ready_parser();
    [[nodiscard]] std::string mismatch(const char* line, int reason) const;
    Reply call(const std::filesystem::path& folder);
    void aside(std::size_t rows, const std::function<void()>& work) const;
};

void CommandSet::Implementation::aside(std::size_t rows, const std::function<void()>& work) const {
    if (run_aside && rows > few_rows)
        run_aside(work);
    else
        work();
}

void CommandSet::Implementation::on_match(void* result, cmdline* /*parser*/, void* data) {
    auto* variant = static_cast<Variant*>(data);
    Implementation& self = *variant->owner;
    self.matched = variant;
    self.words.clear();
    for (std::size_t i = 0; i < variant->instruction->tokens().size(); ++i) {
        ParsedWord word{};
        std::memcpy(&word, static_cast<char*>(result) + i * sizeof(word), sizeof(word));
        self.words.emplace_back(word.text, word.length);
    }
}

void CommandSet::Implementation::add_variant(const Command& command, bool json) {
    auto variant = std::make_unique<Variant>();
    variant->owner = this;
    variant->command = &command;
    variant->json = json;
    std::vector<WordSpec> spec = command.words;
    if (json) spec.push_back({{}, {}, {"json"}});
    variant->instruction =
        std::make_unique<Instruction>(spec, choices, command.help.c_str(), on_match, variant.get());
    variants.push_back(std::move(variant));
}

cmdline* CommandSet::Implementation::ready_parser() {
    if (parser) return parser.get();
    context.clear();
    for (const auto& variant : variants) {
        for (const auto& other : variants)
            if (variant != other) variant->instruction->yield_to(*other->instruction);
        context.push_back(variant->instruction->get());
    }
    context.push_back(nullptr);
    // Without descriptors: it only parses, and never prints.
    parser.reset(cmdline_new(context.data(), "", -1, -1));
    if (!parser) throw std::bad_alloc();
    return parser.get();
}

std::string CommandSet::Implementation::mismatch(const char* line, int reason) const {
    std::string text(line, std::strcspn(line, "\n"));
    if (reason == CMDLINE_PARSE_AMBIGUOUS)
        return Error{"more than one command reads like this", text, "see 'help'"}.message();
    std::size_t most = 0;
    for (const auto& variant : variants)
        most = std::max(most, variant->instruction->matching_words(line));
    if (most == 0) return Error{"no such command", text, "'help' lists all"}.message();

    std::vector<std::string> usages;
    for (const auto& variant : variants)
        if (variant->instruction->matching_words(line) == most)
            if (std::string usage = variant->command->usage();
                std::find(usages.begin(), usages.end(), usage) == usages.end())
                usages.push_back(usage);
    std::string expected;
    for (std::size_t i = 0; i < std::min(usages.size(), most_usages); ++i)
        expected += (i == 0 ? "'" : ", '") + usages[i] + "'";
    if (usages.size() > most_usages) expected += ", ...";
    return Error{"incomplete, or a word too many or wrong", text, "expected " + expected}.message();
}

CommandSet::Reply CommandSet::Implementation::call(const std::filesystem::path& folder) {
    const Variant& variant = *matched;
    const Command& command = *variant.command;
    Arguments arguments;
    for (std::size_t i = 0; i < command.words.size(); ++i) {
        const WordSpec& spec = command.words[i];
        if (spec.name.empty()) continue;
        if (auto set = arguments.set(spec.name, spec.kind, words[i], folder); !set)
            return refused(set.error().message());
    }
    // A mistake in what a command shows must not end the process that carries the traffic.
    try {
        Expected<Output> output = command.handler(arguments);
        if (!output) return refused(output.error().message());
        Reply reply{.done = true, .text = {}, .then = output->then};
        aside(output->data.size(), [&] {
            reply.text = output->text(variant.json);
            // Of 100,000 rows even the end takes long.
            output->data = nullptr;
        });
        return reply;
    } catch (const std::exception& exception) {
        spdlog::error("command '{}' failed: {}", command.usage(), exception.what());
        return refused(std::string("internal error: ") + exception.what());
    }
}

CommandSet::CommandSet() : implementation_(std::make_unique<Implementation>()) {}
CommandSet::~CommandSet() = default;

void CommandSet::add(std::string_view spec, std::string help, Handler handler) {
    auto words = parse_command_spec(spec);
    if (!words) {
        spdlog::critical("{}", words.error().message());
        std::abort();
    }
    Implementation& self = *implementation_;
    self.parser.reset();
    auto command = std::make_unique<Command>();
    command->words = std::move(*words);
    command->help = std::move(help);
    command->handler = std::move(handler);
    const std::string& verb = command->words.front().literals.front();
    command->has_json = verb == "show" || verb == "explain" || spec.starts_with("tenant reload ");
    self.add_variant(*command, false);
    if (command->has_json) self.add_variant(*command, true);
    self.commands.push_back(std::move(command));
}

void CommandSet::set_choices(const std::string& kind, Choices choices) {
    implementation_->choices[kind] = std::move(choices);
}

void CommandSet::set_aside(Aside aside) {
    implementation_->run_aside = std::move(aside);
}

void CommandSet::aside(std::size_t rows, const std::function<void()>& work) const {
    implementation_->aside(rows, work);
}

CommandSet::Reply CommandSet::run(std::string_view line, const std::filesystem::path& folder) {
    Implementation& self = *implementation_;
    if (std::any_of(line.begin(), line.end(), is_control))
        return refused("the line has control characters in it");
    // librte_cmdline wants the line end, and keeps pointers into the line until the match.
    std::string text = std::string(line) + '\n';
    self.matched = nullptr;
    int parsed = cmdline_parse(self.ready_parser(), text.c_str());
    if (parsed < 0) return refused(self.mismatch(text.c_str(), parsed));
    return self.matched == nullptr ? Reply{} : self.call(folder);
}

int CommandSet::complete(Offers& offers, const char* line, int* state, char* out, unsigned size) {
    if (*state <= 0) {
        cmdline* parser = implementation_->ready_parser();
        offers.clear();
        std::vector<Offer> raw;
        std::array<char, BUFSIZ> text{};
        int result = 0;
        while ((result = cmdline_complete(parser, line, state, text.data(), text.size())) == 1)
            raw.push_back(split_offer(text.data()));
        if (result == 2) {
            std::snprintf(out, size, "%s", text.data());
            return result;
        }
        offers = merge(raw);
        *state = 0;
    }
    auto next = static_cast<std::size_t>(*state);
    if (next >= offers.size()) return 0;
    std::snprintf(out, size, "%s", offers[next].c_str());
    ++*state;
    return 1;
}

std::string CommandSet::help() const {
    std::vector<std::pair<std::string, std::string>> lines;
    for (const auto& command : implementation_->commands)
        lines.emplace_back(command->usage(), command->help);
    return render_pairs(lines);
}

} // namespace sallyport::shell
