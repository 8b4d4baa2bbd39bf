"""Video to boxes: decode a video once, find people in it, write the boxes files of a prepared folder."""
