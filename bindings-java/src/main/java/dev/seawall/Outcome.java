package dev.seawall;

/** How a call ended. A refusal is none of these. */
public enum Outcome {
    /** It worked. */
    SUCCESS,
    /** It failed in a way that says something about the dependency. */
    FAILURE,
    /** It says nothing about the dependency: cancelled, excluded, the caller's own mistake. */
    IGNORED
}
