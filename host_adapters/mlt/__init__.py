"""Projects of Kdenlive, Shotcut and plain MLT: mattes, effects limited to a matte, and editable splines on their clips.

::

    from host_adapters.mlt.project import Project

    project = Project.read("edit.kdenlive")
    print([(clip.id, clip.name, clip.positions) for clip in project.clips])
    project.with_matte("V1:2", "mattes/dog.mlt").write("edit_dog.kdenlive")

``host_adapters.mlt.roto`` tracks what is marked in a clip and does all of this at once; ``sam2-roto mlt`` is the same
from the command line.
"""
