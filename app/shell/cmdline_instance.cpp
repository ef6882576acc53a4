// SPDX-License-Identifier: BSD-3-Clause
#include "shell/cmdline_instance.h"

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <new>

namespace sallyport::shell {

namespace {

Token& token_of(cmdline_parse_token_hdr_t* header) {
    return *reinterpret_cast<Token::Header*>(header)->token;
}

bool contains(const std::vector<std::string>& words, std::string_view word) {
    return std::find(words.begin(), words.end(), word) != words.end();
}

// The four operations have librte_cmdline's signatures and return values.

int parse(cmdline_parse_token_hdr_t* header, const char* line, void* result, unsigned size) {
    const Token& token = token_of(header);
    Word word = token.spec.takes_rest() ? all_words(line) : first_word(line);
    if (word.length == 0) return -1;
    if (token.spec.is_free() ? contains(token.refused, word.text)
                             : !contains(token.spec.literals, word.text))
        return -1;
    if (result != nullptr) {
        ParsedWord parsed{word.text.data(), word.text.size()};
        if (size < sizeof(parsed)) return -1;
        std::memcpy(result, &parsed, sizeof(parsed));
    }
    return static_cast<int>(word.length);
}

int complete_get_nb(cmdline_parse_token_hdr_t* header) {
    Token& token = token_of(header);
    if (token.spec.is_free()) {
        auto choices = token.choices_by_kind->find(token.spec.kind);
        token.offered = choices == token.choices_by_kind->end() ? std::vector<std::string>{}
                                                                : choices->second();
    } else {
        token.offered = token.spec.literals;
    }
    return static_cast<int>(token.offered.size());
}

int complete_get_elt(cmdline_parse_token_hdr_t* header, int index, char* out, unsigned size) {
    const Token& token = token_of(header);
    if (index < 0 || static_cast<std::size_t>(index) >= token.offered.size()) return -1;
    const std::string& word = token.offered[static_cast<std::size_t>(index)];
    if (word.size() >= size) return -1;
    std::memcpy(out, word.c_str(), word.size() + 1);
    return 0;
}

int get_help(cmdline_parse_token_hdr_t* header, char* out, unsigned size) {
    std::snprintf(out, size, "%s", token_of(header).spec.usage().c_str());
    return 0;
}

cmdline_token_ops operations{parse, complete_get_nb, complete_get_elt, get_help};

/// Whether some word is taken by both.
bool overlap(const WordSpec& one, const WordSpec& other) {
    if (one.is_free() || other.is_free()) return true;
    return std::any_of(one.literals.begin(), one.literals.end(),
                       [&other](const auto& literal) { return contains(other.literals, literal); });
}

} // namespace

Instruction::Instruction(const std::vector<WordSpec>& words, const ChoicesByKind& choices,
                         const char* help, void (*matched)(void*, cmdline*, void*), void* data) {
    // The array of tokens is a flexible member, ended by a null pointer.
    std::size_t size = offsetof(cmdline_parse_inst_t, tokens)
                       + (words.size() + 1) * sizeof(cmdline_parse_token_hdr_t*);
    instruction_.reset(static_cast<cmdline_parse_inst_t*>(std::calloc(1, size)));
    if (!instruction_) throw std::bad_alloc();
    instruction_->f = matched;
    instruction_->data = data;
    instruction_->help_str = help;
    for (std::size_t i = 0; i < words.size(); ++i) {
        auto token = std::make_unique<Token>();
        token->header.hdr.ops = &operations;
        token->header.hdr.offset = static_cast<unsigned>(i * sizeof(ParsedWord));
        token->header.token = token.get();
        token->spec = words[i];
        token->choices_by_kind = &choices;
        instruction_->tokens[i] = &token->header.hdr;
        tokens_.push_back(std::move(token));
    }
}

void Instruction::yield_to(const Instruction& other) {
    if (other.tokens_.size() != tokens_.size()) return;
    for (std::size_t i = 0; i < tokens_.size(); ++i)
        if (!overlap(tokens_[i]->spec, other.tokens_[i]->spec)) return;
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
        const std::vector<std::string>& literals = other.tokens_[i]->spec.literals;
        if (tokens_[i]->spec.is_free())
            tokens_[i]->refused.insert(tokens_[i]->refused.end(), literals.begin(), literals.end());
    }
}

std::size_t Instruction::matching_words(const char* line) const {
    std::size_t count = 0;
    for (const auto& token : tokens_) {
        line += std::strspn(line, " \t");
        int length = parse(&token->header.hdr, line, nullptr, 0);
        if (length < 0) break;
        line += length;
        ++count;
    }
    return count;
}

} // namespace sallyport::shell
