"""Projects of several tracks as Kdenlive 22.12 and Shotcut 22.12 write them: bin, tracks, sound, mixes and all.

Both play the scene of ``scenes.py`` from a folder that they name as their root; frames count at 25 a second.
"""

from __future__ import annotations

from pathlib import Path

from mlt_helpers.clock import clock_of
from mlt_helpers.scenes import BACK, RATE, SIZE, profile

LENGTH = 40
"""Frames of the footage."""

_USE = (("audio", 1), ("image", 0))  # a clip on a picture track has its sound off


def kdenlive(root: Path, *, second: str = "plate.mkv", second_speed: float = 1.0) -> str:
    """Sound on A1, a coloured clip on V1; on V2 the plate from frame 5 to 14, and again after a gap, from 20 to 31.

    ``second`` is what that other clip plays, with ``second_speed``.
    """
    warped = "" if second_speed == 1.0 else f'<property name="warp_speed">{second_speed:g}</property>'
    service = "avformat-novalidate" if second_speed == 1.0 else "timewarp"
    resource = second if second_speed == 1.0 else f"{second_speed:.6f}:{second}"
    return f"""<?xml version='1.0' encoding='utf-8'?>
<mlt LC_NUMERIC="C" producer="main_bin" version="7.12.0" root="{root}">
 {profile(SIZE, RATE)}
 {_color("producer0", BACK, 100, "3", "Sky &amp; ground")}
 {_movie("chain0", "chain", "plate.mkv", "avformat-novalidate", "2", bin=True)}
 <playlist id="main_bin">
  <property name="kdenlive:docproperties.activeTrack">2</property>
  <property name="kdenlive:docproperties.audioChannels">2</property>
  <property name="kdenlive:docproperties.audioTarget">-1</property>
  <property name="kdenlive:docproperties.compositing">1</property>
  <property name="kdenlive:docproperties.disablepreview">0</property>
  <property name="kdenlive:docproperties.documentid">1700000000001</property>
  <property name="kdenlive:docproperties.enableTimelineZone">0</property>
  <property name="kdenlive:docproperties.enableexternalproxy">0</property>
  <property name="kdenlive:docproperties.enableproxy">0</property>
  <property name="kdenlive:docproperties.generateimageproxy">0</property>
  <property name="kdenlive:docproperties.generateproxy">0</property>
  <property name="kdenlive:docproperties.groups">[
]
</property>
  <property name="kdenlive:docproperties.kdenliveversion">22.12.3</property>
  <property name="kdenlive:docproperties.position">0</property>
  <property name="kdenlive:docproperties.profile"/>
  <property name="kdenlive:docproperties.proxyimageminsize">2000</property>
  <property name="kdenlive:docproperties.proxyimagesize">800</property>
  <property name="kdenlive:docproperties.proxyminsize">1000</property>
  <property name="kdenlive:docproperties.proxyresize">640</property>
  <property name="kdenlive:docproperties.scrollPos">0</property>
  <property name="kdenlive:docproperties.seekOffset">30000</property>
  <property name="kdenlive:docproperties.version">1.04</property>
  <property name="kdenlive:docproperties.verticalzoom">1</property>
  <property name="kdenlive:docproperties.videoTarget">2</property>
  <property name="kdenlive:docproperties.zonein">0</property>
  <property name="kdenlive:docproperties.zoneout">75</property>
  <property name="kdenlive:docproperties.zoom">8</property>
  <property name="kdenlive:expandedFolders"/>
  <property name="kdenlive:documentnotes">Kept: umlauts äöü, "quotes" &lt;tags&gt;</property>
  <property name="xml_retain">1</property>
  <entry producer="producer0" in="00:00:00.000" out="00:00:03.960"/>
  <entry producer="chain0" in="00:00:00.000" out="{clock_of(LENGTH - 1, RATE)}"/>
 </playlist>
 <producer id="black_track" in="00:00:00.000" out="00:00:59.960">
  <property name="length">2147483647</property>
  <property name="eof">continue</property>
  <property name="resource">black</property>
  <property name="aspect_ratio">1</property>
  <property name="mlt_service">color</property>
  <property name="mlt_image_format">rgba</property>
  <property name="set.test_audio">0</property>
 </producer>
 <playlist id="playlist0">
  <property name="kdenlive:audio_track">1</property>
 </playlist>
 <playlist id="playlist1">
  <property name="kdenlive:audio_track">1</property>
 </playlist>
 <tractor id="tractor0" in="00:00:00.000">
  <property name="kdenlive:audio_track">1</property>
  <property name="kdenlive:trackheight">67</property>
  <property name="kdenlive:timeline_active">1</property>
  <property name="kdenlive:collapsed">0</property>
  <property name="kdenlive:thumbs_format"/>
  <property name="kdenlive:audio_rec"/>
  <track hide="video" producer="playlist0"/>
  <track hide="video" producer="playlist1"/>
  {_sound_filters(0)}
 </tractor>
 <playlist id="playlist2">
  <entry producer="producer0" in="00:00:00.000" out="00:00:03.960">
   <property name="kdenlive:id">3</property>
  </entry>
 </playlist>
 <playlist id="playlist3"/>
 {_video_track("tractor1", "playlist2", "playlist3", "00:00:03.960")}
 {_movie("chain1", "chain", "plate.mkv", "avformat-novalidate", "2")}
 {_movie("producer1", "producer", resource, service, "2", warped)}
 <playlist id="playlist4">
  <blank length="{clock_of(3, RATE)}"/>
  <entry producer="chain1" in="{clock_of(5, RATE)}" out="{clock_of(14, RATE)}">
   <property name="kdenlive:id">2</property>
   <filter id="filter3">
    <property name="level">1</property>
    <property name="mlt_service">brightness</property>
    <property name="kdenlive_id">brightness</property>
    <property name="kdenlive:collapsed">0</property>
   </filter>
  </entry>
  <blank length="{clock_of(2, RATE)}"/>
  <entry producer="producer1" in="{clock_of(20, RATE)}" out="{clock_of(31, RATE)}">
   <property name="kdenlive:id">2</property>
  </entry>
 </playlist>
 <playlist id="playlist5"/>
 {_video_track("tractor2", "playlist4", "playlist5", clock_of(26, RATE))}
 <tractor id="tractor3" in="00:00:00.000" out="00:00:03.960">
  <track producer="black_track"/>
  <track producer="tractor0"/>
  <track producer="tractor1"/>
  <track producer="tractor2"/>
  <transition id="transition0">
   <property name="a_track">0</property>
   <property name="b_track">1</property>
   <property name="mlt_service">mix</property>
   <property name="kdenlive_id">mix</property>
   <property name="internal_added">237</property>
   <property name="always_active">1</property>
   <property name="accepts_blanks">1</property>
   <property name="sum">1</property>
  </transition>
  {_composed("transition1", 2)}
  {_composed("transition2", 3)}
  {_sound_filters(4)}
 </tractor>
</mlt>
"""


def shotcut(root: Path) -> str:
    """The coloured clip on V1; on V2 the plate from frame 5 to 14, dissolving into its frames 20 to 31 for 4 frames."""
    return f"""<?xml version="1.0" standalone="no"?>
<mlt LC_NUMERIC="C" version="7.12.0" title="Shotcut version 22.12.21" producer="main_bin" root="{root}">
  {profile(SIZE, RATE)}
  <playlist id="main_bin">
    <property name="xml_retain">1</property>
  </playlist>
  <producer id="black" in="00:00:00.000" out="00:00:03.960">
    <property name="length">00:00:04.000</property>
    <property name="eof">pause</property>
    <property name="resource">0</property>
    <property name="aspect_ratio">1</property>
    <property name="mlt_service">color</property>
    <property name="mlt_image_format">rgba</property>
    <property name="set.test_audio">0</property>
  </producer>
  <playlist id="background">
    <entry producer="black" in="00:00:00.000" out="00:00:03.960"/>
  </playlist>
  <producer id="producer0" in="00:00:00.000" out="03:59:59.960">
    <property name="length">04:00:00.000</property>
    <property name="eof">pause</property>
    <property name="resource">#ff{BACK[0]:02x}{BACK[1]:02x}{BACK[2]:02x}</property>
    <property name="aspect_ratio">1</property>
    <property name="mlt_service">color</property>
    <property name="mlt_image_format">rgba</property>
    <property name="shotcut:caption">Sky &amp; ground</property>
    <property name="ignore_points">0</property>
  </producer>
  <playlist id="playlist0">
    <property name="shotcut:video">1</property>
    <property name="shotcut:name">V1</property>
    <entry producer="producer0" in="00:00:00.000" out="00:00:03.960"/>
  </playlist>
  {
        _chain(
            "chain0",
            '<filter id="filter0" out="00:00:01.560">'
            '<property name="level">1</property><property name="mlt_service">brightness</property></filter>',
        )
    }
  {_chain("chain1")}
  <tractor id="tractor0" in="00:00:00.000" out="{clock_of(3, RATE)}">
    <property name="shotcut:transition">lumaMix</property>
    <track producer="chain0" in="{clock_of(15, RATE)}" out="{clock_of(18, RATE)}"/>
    <track producer="chain1" in="{clock_of(16, RATE)}" out="{clock_of(19, RATE)}"/>
    <transition id="transition0" out="{clock_of(3, RATE)}">
      <property name="a_track">0</property>
      <property name="b_track">1</property>
      <property name="factory">loader</property>
      <property name="mlt_service">luma</property>
      <property name="alpha_over">1</property>
    </transition>
    <transition id="transition1" out="{clock_of(3, RATE)}">
      <property name="a_track">0</property>
      <property name="b_track">1</property>
      <property name="start">-1</property>
      <property name="accepts_blanks">1</property>
      <property name="mlt_service">mix</property>
    </transition>
  </tractor>
  <playlist id="playlist1">
    <property name="shotcut:video">1</property>
    <property name="shotcut:name">Hero</property>
    <blank length="{clock_of(3, RATE)}"/>
    <entry producer="chain0" in="{clock_of(5, RATE)}" out="{clock_of(14, RATE)}"/>
    <entry producer="tractor0" in="00:00:00.000" out="{clock_of(3, RATE)}"/>
    <entry producer="chain1" in="{clock_of(20, RATE)}" out="{clock_of(31, RATE)}"/>
  </playlist>
  {_chain("chain2")}
  <playlist id="playlist2">
    <property name="shotcut:audio">1</property>
    <property name="shotcut:name">A1</property>
    <entry producer="chain2" in="00:00:00.000" out="{clock_of(9, RATE)}"/>
  </playlist>
  <tractor id="tractor1" title="Shotcut version 22.12.21" in="00:00:00.000" out="00:00:03.960">
    <property name="shotcut">1</property>
    <property name="shotcut:projectAudioChannels">2</property>
    <property name="shotcut:projectFolder">0</property>
    <track producer="background"/>
    <track producer="playlist0"/>
    <track producer="playlist1"/>
    <track producer="playlist2" hide="video"/>
    {_shotcut_composed("transition2", 1, disabled=True)}
    {_shotcut_composed("transition3", 2)}
  </tractor>
</mlt>
"""


def _color(id: str, color: tuple[int, int, int], frames: int, kdenlive_id: str, name: str) -> str:
    return f"""<producer id="{id}" in="00:00:00.000" out="{clock_of(frames - 1, RATE)}">
  <property name="length">{frames}</property>
  <property name="eof">pause</property>
  <property name="resource">0x{color[0]:02x}{color[1]:02x}{color[2]:02x}ff</property>
  <property name="aspect_ratio">1</property>
  <property name="mlt_service">color</property>
  <property name="kdenlive:clipname">{name}</property>
  <property name="kdenlive:duration">00:00:04:00</property>
  <property name="kdenlive:folderid">-1</property>
  <property name="kdenlive:clip_type">2</property>
  <property name="kdenlive:id">{kdenlive_id}</property>
  <property name="mlt_image_format">rgb</property>
 </producer>"""


def _movie(
    id: str, tag: str, resource: str, service: str, kdenlive_id: str, extra: str = "", *, bin: bool = False
) -> str:
    use = "" if bin else "".join(f'\n  <property name="set.test_{kind}">{off}</property>' for kind, off in _USE)
    return f"""<{tag} id="{id}" in="00:00:00.000" out="{clock_of(LENGTH - 1, RATE)}">
  <property name="length">{LENGTH}</property>
  <property name="eof">pause</property>
  <property name="resource">{resource}</property>
  <property name="mlt_service">{service}</property>
  <property name="seekable">1</property>
  <property name="audio_index">-1</property>
  <property name="video_index">0</property>
  <property name="mute_on_pause">0</property>
  <property name="kdenlive:clipname"/>
  <property name="kdenlive:clip_type">2</property>
  <property name="kdenlive:folderid">-1</property>
  <property name="kdenlive:id">{kdenlive_id}</property>{extra}{use}
 </{tag}>"""


def _video_track(id: str, first: str, second: str, out: str) -> str:
    return f"""<tractor id="{id}" in="00:00:00.000" out="{out}">
  <property name="kdenlive:trackheight">67</property>
  <property name="kdenlive:timeline_active">1</property>
  <property name="kdenlive:collapsed">0</property>
  <property name="kdenlive:thumbs_format"/>
  <property name="kdenlive:audio_rec"/>
  <track hide="audio" producer="{first}"/>
  <track hide="audio" producer="{second}"/>
 </tractor>"""


def _sound_filters(number: int) -> str:
    return f"""<filter id="filter{number}">
   <property name="window">75</property>
   <property name="max_gain">20dB</property>
   <property name="mlt_service">volume</property>
   <property name="internal_added">237</property>
   <property name="disable">1</property>
  </filter>
  <filter id="filter{number + 1}">
   <property name="channel">-1</property>
   <property name="mlt_service">panner</property>
   <property name="internal_added">237</property>
   <property name="start">0.5</property>
   <property name="disable">1</property>
  </filter>"""


def _composed(id: str, track: int) -> str:
    return f"""<transition id="{id}">
   <property name="a_track">0</property>
   <property name="b_track">{track}</property>
   <property name="compositing">0</property>
   <property name="distort">0</property>
   <property name="rotate_center">0</property>
   <property name="mlt_service">qtblend</property>
   <property name="kdenlive_id">qtblend</property>
   <property name="internal_added">237</property>
   <property name="always_active">1</property>
  </transition>"""


def _chain(id: str, filters: str = "") -> str:
    return f"""<chain id="{id}" out="{clock_of(LENGTH - 1, RATE)}">
    <property name="length">{clock_of(LENGTH, RATE)}</property>
    <property name="eof">pause</property>
    <property name="resource">plate.mkv</property>
    <property name="mlt_service">avformat-novalidate</property>
    <property name="seekable">1</property>
    <property name="audio_index">-1</property>
    <property name="video_index">0</property>
    <property name="mute_on_pause">0</property>
    <property name="ignore_points">0</property>
    <property name="shotcut:caption">plate.mkv</property>{filters}
  </chain>"""


def _shotcut_composed(id: str, track: int, *, disabled: bool = False) -> str:
    return f"""<transition id="{id}">
      <property name="a_track">{track - 1}</property>
      <property name="b_track">{track}</property>
      <property name="version">0.1</property>
      <property name="mlt_service">frei0r.cairoblend</property>
      <property name="threads">0</property>
      <property name="disable">{int(disabled)}</property>
    </transition>"""
