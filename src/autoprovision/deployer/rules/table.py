"""Every rule by its name. The forbidden things have a table of their own in `forbidden.py`."""

from autoprovision.deployer.rules.finding import Rule

_HOW_TO = "docs/how-to-blueprint.md"
_RENDER = "Run `autoprovision blueprint render` on the folder and look at what changed."

FOLDER_RULES = {
    "file-missing": Rule(
        "Manifest, template, role, README and an example for each environment are there.",
        f"Add it; {_HOW_TO} says what belongs in it.",
    ),
    "not-yaml": Rule(
        "Every file is YAML that says everything once.", "Mend the file at that line."
    ),
    "manifest-field": Rule(
        "The manifest has the declared keys, each of its kind.", f"See {_HOW_TO}, the manifest."
    ),
    "manifest-id": Rule(
        "The id is the folder's name.", "Rename the folder, or write its name as `id`."
    ),
    "source-unknown": Rule(
        "Every source of `stackParameters` is one that the platform fills.",
        "Use a source of the list in docs/how-to-blueprint.md.",
    ),
    "parameter-unknown": Rule(
        "What the manifest fills is a parameter of the template.",
        "Add the parameter to the template, or leave it out of the manifest.",
    ),
    "parameter-unfilled": Rule(
        "Every parameter of the template gets a value in every environment.",
        "Fill it under `stackParameters` or `topologies`, or give it a Default.",
    ),
    "parameter-idle": Rule(
        "What users may set reaches the template.",
        "Name it as `parameters.<Name>` under `stackParameters`, or stop asking for it.",
    ),
    "expiry-dev": Rule(
        "What lives in dev ends by itself.", "Give `topologies.dev` a `defaultExpiry`, such as 7d."
    ),
    "topology-facts": Rule(
        "Every topology says nodes, zones, database, backup, protection and logs.",
        "Add the fact under `facts`; `none` is an answer.",
    ),
    "keeps-unknown": Rule(
        "What outlives an application is a resource of the template.",
        "Name a resource under `keeps`, or drop it.",
    ),
    "keeps-missing": Rule(
        "What stays when an application ends is said for each environment.",
        "Say what stays, and for how long, under `keeps`, or give it DeletionPolicy: Delete.",
    ),
    "data-unknown": Rule(
        "What holds data is a resource of the template, and what loses it one of its properties.",
        "Name a resource under `data`, and properties that it has.",
    ),
    "data-undeclared": Rule(
        "What is on the disks of machines, and which changes lose it, is said.",
        "Declare it under `data`: {what, lostBy}; `lostBy: nothing` is an answer.",
    ),
    "data-store": Rule(
        "What a store holds is not said to be nothing.",
        "Drop the line: what goes with a store is lost, whatever is declared.",
    ),
    "example-unresolved": Rule(
        "Every environment's example is a request that this blueprint takes there.",
        "Change the example, or what the manifest takes.",
    ),
    "page-old": Rule("Golden files and the README's tables follow from the manifest.", _RENDER),
}
PRICE_RULES = {
    "price-missing": Rule(
        "Every resource has a price line in every topology, or is said to be free.",
        "Add {resource, price, quantity, why}, or {resource, price: free, why}.",
    ),
    "price-unknown": Rule(
        "Every price is in the price book.",
        "Add it to a prices.yaml in the folder, with its source and the day.",
    ),
    "price-resource": Rule(
        "Every price line is of a resource of the template.", "Name a resource, or drop the line."
    ),
    "price-why": Rule(
        "Every price line says what its quantity, or its being free, rests on.", "Add a `why`."
    ),
    "price-free": Rule(
        "What AWS charges for is not called free where it is made.",
        "Give the price and a quantity; an estimate of its use is better than nothing.",
    ),
    "price-free-unknown": Rule(
        "What is called free is of a type that is known to cost nothing.",
        "Look it up among AWS's prices; what is charged for gets a price line.",
        warning=True,
    ),
    "price-when": Rule(
        "What is priced only when it is asked for is made only then.",
        "Give the resource a Condition, or a line without `when`.",
    ),
    "price-book": Rule("The folder's own prices.yaml is a price book.", "Mend it."),
    "price-old": Rule(
        "No price is older than a year.", "Read it again and renew `asOf`.", warning=True
    ),
}
TEMPLATE_RULES = {
    "output-missing": Rule(
        "The template outputs Url, BlueprintId, BlueprintVersion and what publishing needs.",
        "Add the output.",
    ),
    "name-shared": Rule(
        "Names are the application's own.",
        "Make it of ${PlatformName}-app-${ApplicationId}: two applications may never meet, and the "
        "service role reaches no other names.",
    ),
    "export-shared": Rule(
        "Exports are named by the application, since an account has each name once.",
        "Drop the Export, or put ${ApplicationId} into its name.",
    ),
    "description-missing": Rule(
        "Every resource has the words that people read while it is made.",
        "Add Metadata: {Description: …} to the resource.",
    ),
    "tag-missing": Rule(
        "What takes tags carries application, unit, owner and environment.",
        "Add the tag autoprovision:<name> with the parameter of that name.",
    ),
    "boundary-missing": Rule(
        "Every role carries the application boundary.",
        "Add PermissionsBoundary: …:policy/${PlatformName}-application-boundary.",
    ),
    "parameter-open": Rule(
        "What users write is held to a rule by the template too.",
        "Give the parameter AllowedValues, AllowedPattern, MinValue or MaxValue.",
    ),
    "value-pasted": Rule(
        "Users' words are not pasted into what a machine runs, unless they can do no harm there.",
        "Pass it as an environment variable, or narrow its AllowedPattern to [A-Za-z0-9._/:@-].",
    ),
    "secret-default": Rule(
        "A NoEcho parameter has no default.", "Drop the Default; a secret is made or referred to."
    ),
    "secret-shown": Rule(
        "What is secret is not a plain parameter.",
        "Let Secrets Manager make it (GenerateSecretString), or take a reference to it.",
    ),
    "secret-written": Rule(
        "No secret stands in a file.",
        "Refer to it: {{resolve:secretsmanager:…}}, or an environment variable's reference.",
    ),
    "image-kept": Rule(
        "A repository lets no image expire that runs, or that a service would be taken back to.",
        "Let a rule of the highest priority match the tag prefix `live`, and let those tags move.",
    ),
    "exception-unexplained": Rule(
        "Every exception from a linter or a guard rail says why.", "Add a `comment` beside the id."
    ),
}
ROLE_RULES = {
    "role-output": Rule("The role's stack outputs RoleArn.", "Add the output RoleArn."),
    "role-only": Rule(
        "The role's stack makes one role and nothing else.", "Move the rest into template.yaml."
    ),
    "role-name": Rule(
        "The role is called <PlatformName>-blueprint-<id>; the workflow may pass no other.",
        "Set RoleName: !Sub ${PlatformName}-blueprint-<id>.",
    ),
    "role-trust": Rule(
        "Only CloudFormation may take the role.",
        "Trust {Service: cloudformation.amazonaws.com} and nobody else.",
    ),
    "role-wildcard": Rule(
        "Actions are named.", "Write each action out; the finding `role-action` names them."
    ),
    "role-resource": Rule(
        "Resources are narrow; `*` only where AWS knows no narrower one.",
        "Name the resources by ${PlatformName}-app-*, or as far as the service gives names.",
    ),
    "role-boundary": Rule(
        "It makes roles with the application boundary only.",
        "Add the condition iam:PermissionsBoundary to iam:CreateRole.",
    ),
    "role-pass": Rule(
        "It passes roles to named services only.", "Add the condition iam:PassedToService."
    ),
    "role-attach": Rule(
        "It neither attaches policies nor takes a boundary off.", "Drop the action."
    ),
    "role-action": Rule(
        "It may make, change and delete every resource of the template.",
        "Allow the actions in role.yaml.",
    ),
    "role-unknown": Rule(
        "What a resource type needs is known.",
        "Say it in the manifest: needs: {<type>: [<actions>]}.",
    ),
}
RECIPE_RULES = {
    "recipe-version": Rule("The recipe is a buildspec of version 0.2.", "Write version: 0.2."),
    "recipe-shell": Rule("The recipe runs in bash.", "Write env: {shell: bash}."),
    "recipe-phase": Rule(
        "Phases are install, pre_build, build and post_build, each with commands.",
        "Rename the phase, or give it commands.",
    ),
    "recipe-artifacts": Rule(
        "What is published comes from .release.",
        "Write artifacts: {base-directory: .release, files: ['**/*']}.",
    ),
    "recipe-tool": Rule(
        "The tools of `publish.stacks` are those that the recipe calls.",
        "Name the tools that it calls, so that a home without them can say so.",
    ),
    "recipe-eval": Rule(
        "The recipe does not run users' words.", "Use the value as an argument, in quotes."
    ),
}
RULES = {**FOLDER_RULES, **PRICE_RULES, **TEMPLATE_RULES, **ROLE_RULES, **RECIPE_RULES}
