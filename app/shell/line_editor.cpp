// SPDX-License-Identifier: BSD-3-Clause
#include "shell/line_editor.h"

#include <cstring>
#include <new>
#include <utility>

#include <cmdline_rdline.h>

namespace sallyport::shell {

void LineEditor::Free::operator()(rdline* editor) const {
    rdline_free(editor);
}

LineEditor::LineEditor(CommandSet& commands, std::string prompt, std::string& out)
    : commands_(commands), prompt_(std::move(prompt)), out_(out) {
    // The line is taken after the key, outside the editor: a handler may take its time or throw.
    auto validate = [](rdline*, const char*, unsigned) {};
    editor_.reset(rdline_new(write_character, validate, complete, this));
    if (!editor_) throw std::bad_alloc();
    this->prompt();
}

LineEditor::~LineEditor() = default;

int LineEditor::write_character(rdline* editor, char c) {
    static_cast<LineEditor*>(rdline_get_opaque(editor))->out_ += c;
    return 1;
}

int LineEditor::complete(rdline* editor, const char* line, char* out, unsigned size, int* state) {
    auto& self = *static_cast<LineEditor*>(rdline_get_opaque(editor));
    return self.commands_.complete(self.offers_, line, state, out, size);
}

LineEditor::Event LineEditor::key(char c) {
    constexpr char control_a = 0x01, control_k = 0x0b, control_u = 0x15;
    if (c == control_u) {
        // Clears the line, as terminals do; DPDK's editor does not know it.
        rdline_char_in(editor_.get(), control_a);
        c = control_k;
    }
    switch (rdline_char_in(editor_.get(), c)) {
    case RDLINE_RES_VALIDATED:
        return Event::line;
    case RDLINE_RES_EOF:
    case RDLINE_RES_EXITED:
        return Event::end;
    default:
        return Event::none;
    }
}

std::string LineEditor::line() const {
    // The editor's buffer ends with '\n'.
    const char* buffer = rdline_get_buffer(editor_.get());
    return {buffer, std::strcspn(buffer, "\n")};
}

void LineEditor::remember(const char* line) {
    std::size_t length = std::strcspn(line, "\n");
    if (length == 0) return;
    const char* last = rdline_get_history_item(editor_.get(), 0);
    if (last != nullptr && std::string_view(last) == std::string_view(line, length)) return;
    rdline_add_history(editor_.get(), line);
}

void LineEditor::prompt() {
    remember(rdline_get_buffer(editor_.get()));
    rdline_newline(editor_.get(), prompt_.c_str());
}

} // namespace sallyport::shell
