# SPDX-License-Identifier: BSD-3-Clause
"""What the driver takes that Sallyport does not use yet: asked by testpmd."""

from __future__ import annotations

import pytest

from card.answers import Answer, question
from card.bed import Bed
from card.testpmd import Testpmd, verdict

_START = ["flow configure 0 queues_number 1 queues_size 64", "port start all"]

#: The same for each field: the mask says "all of it", in the driver's way.
_COPY = ("flow actions_template 0 create transfer actions_template_id 1 template "
         "modify_field op set dst_type {field} dst_level 1 src_type {field} src_level 2 "
         "width {width} / represented_port ethdev_port_id 0 / end mask "
         "modify_field op set dst_type {field} dst_level 255 dst_offset 0xffffffff "
         "src_type {field} src_level 255 src_offset 0xffffffff width 0xffffffff / "
         "represented_port ethdev_port_id 65535 / end")

_MIRROR = ["set sample_actions 0 port_representor port_id 65535 / end",
           "flow indirect_action 0 create action_id 1 transfer list actions "
           "sample ratio 1 index 0 / represented_port ethdev_port_id {port} / end"]


def ask(bed: Bed, answer: Answer, commands: list[str]) -> None:
    """Whether the driver makes what the last command says."""
    bed.need_card("testpmd has nothing to open")
    testpmd = Testpmd(bed.hosts[0], bed.nodes.hosts[0])
    if testpmd.missing():
        pytest.skip(testpmd.missing())
    vfs = ",".join(str(vf) for vf in bed.nodes.hosts[0].vfs)
    text = testpmd.run([*_START, *commands], f"pf[1,0]vf[{vfs}]")
    made, words = verdict(text.partition("port start all")[2] or text)
    answer.figure("DPDK", testpmd.release())
    assert made is not None, f"{words}:\n{text[-3000:]}"
    answer.measured_only(f"{'made' if made else 'refused'}: {words}")


class TestTemplates:
    """Accepted or refused, with the driver's words. Accepted is not yet proven to work."""

    @pytest.mark.parametrize("field,width", [("ipv4_dscp", 6), ("ipv4_ttl", 8), ("ipv4_ecn", 2)])
    @question("Can a field be copied from the inner header to the outer one after encapsulation?",
              reference="docs/hardware-path.md, ECN")
    def test_copy(self, bed: Bed, answer: Answer, field: str, width: int) -> None:
        """MODIFY_FIELD with level 2 as source.

        Steps:
            * testpmd: an actions template of the E-Switch that copies the field.
        Verify:
            * What the driver says is written down.
        """
        ask(bed, answer, [_COPY.format(field=field, width=width)])

    @pytest.mark.parametrize("port", [0, 1])
    @question("Can traffic of both ports be mirrored to the CPU?",
              reference="docs/hardware.md, Questions for a card")
    def test_mirror(self, bed: Bed, answer: Answer, port: int) -> None:
        """An indirect list of actions with a copy to the E-Switch manager.

        Steps:
            * testpmd: `sample` to the E-Switch manager, then an uplink.
        Verify:
            * What the driver says is written down.
        """
        ask(bed, answer, [_MIRROR[0], _MIRROR[1].format(port=port)])
